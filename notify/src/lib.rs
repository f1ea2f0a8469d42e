//! From an alert to a person: events enter with the time, requests to channels leave, what became of them comes back.
