"""What schemathesis cannot know of the API: places that exist.

Text drawn at random is hardly ever an endpoint, a destination or a time. So three in four of the requests that should be
good say such things as are there; the rest, and all that should be bad, stay as they were drawn.
"""

import random

import schemathesis

DRAWN = random.Random(1)

DESTINATIONS = ["/topic/a", "/topic/b/c", "/queue/a", "/user/queue/a", "/app/a"]

THERE = {
    "after": ["s1", "ada"],
    "destination": DESTINATIONS,
    "endpoint": ["stomp", "stomp", "chat"],
    "id": ["s1"],
    "name": ["ada"],
    "pattern": [*DESTINATIONS, "/topic/**", "/topic/*"],
    "prefix": ["/", "/topic"],
    "session": ["s1"],
    "since": ["0-0", "ffff-1"],
    "until": ["2100-01-01T00:00:00Z", "2000-01-01T00:00:00Z"],
}


def with_what_is_there(value):
    if isinstance(value, list):
        return [with_what_is_there(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: DRAWN.choice(THERE[name]) if name in THERE and isinstance(text, str) else text
            for name, text in value.items()}


@schemathesis.hook
def before_call(context, case, kwargs):
    if not case.meta or not case.meta.generation.mode.is_positive or DRAWN.random() < 0.25:
        return
    case.path_parameters = with_what_is_there(case.path_parameters)
    case.query = with_what_is_there(case.query)
    case.body = with_what_is_there(case.body)
