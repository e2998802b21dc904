//! An `EventSource`'s reading of a stream (WHATWG HTML, "Interpreting an event stream"), written from the standard.

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub data: String,
    pub id: String,
}

/// What has come, and what of it is not an event yet.
#[derive(Debug, Default)]
pub struct Reader {
    pending: String,
    building: Event,
    has_data: bool,
    /// Counts from the end of its event on: a reader that is cut off before has not heard the event.
    coming_id: Option<String>,
    pub last_id: String,
    pub retry: Option<u64>,
    pub comments: Vec<String>,
}

impl Reader {
    /// Takes in text that ends with a whole line.
    pub fn read(&mut self, text: &str) -> Vec<Event> {
        self.pending.push_str(text);
        let mut events = Vec::new();
        while let Some(end) = self.pending.find(['\r', '\n']) {
            let ending = if self.pending[end..].starts_with("\r\n") { 2 } else { 1 };
            let line: String = self.pending.drain(..end + ending).collect();
            events.extend(self.line(&line[..end]));
        }
        events
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.comments.push(value.to_owned()),
            "event" => self.building.name = value.to_owned(),
            "data" => {
                self.has_data = true;
                self.building.data.push_str(value);
                self.building.data.push('\n');
            }
            "id" if !value.contains('\0') => self.coming_id = Some(value.to_owned()),
            "retry" => self.retry = value.parse().ok(),
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        if let Some(id) = self.coming_id.take() {
            self.last_id = id;
        }
        let mut event = std::mem::take(&mut self.building);
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        event.data.pop();
        event.id = self.last_id.clone();
        Some(event)
    }
}
