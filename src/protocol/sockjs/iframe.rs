//! The page that the iframe transports load from the server's own origin.

/// The page, with the URL of the client library that it runs.
///
/// The library must have exactly the version of the page that opened the iframe, otherwise it refuses to start.
pub fn iframe_page(client_url: &str) -> String {
    PAGE.replace("{client_url}", &escape_attribute(client_url))
}

fn escape_attribute(url: &str) -> String {
    url.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

const PAGE: &str = r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="{client_url}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_cannot_leave_its_attribute() {
        let page = iframe_page("/a.js\"></script><b>&");
        assert!(page.contains(r#"<script src="/a.js&quot;>&lt;/script>&lt;b>&amp;"></script>"#));
    }
}
