//! What a response says besides its body: [`ResponseHeaders`].

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers for a response that somebody else makes: of a [`Scheme`](crate::Scheme) for the answer to a
/// request that it let through, of an [`AuthError`](crate::AuthError) for the refusal.
///
/// Most responses get none, so none is one empty pointer.
///
/// ```
/// use auth_layer::ResponseHeaders;
/// use http::{HeaderMap, HeaderName, HeaderValue, header};
///
/// let mut more = ResponseHeaders::none();
/// more.set(HeaderName::from_static("dpop-nonce"), HeaderValue::from_static("n-2"));
/// more.add(header::LINK, HeaderValue::from_static("</plans>; rel=\"help\""));
///
/// let mut headers = HeaderMap::new();
/// headers.insert("dpop-nonce", HeaderValue::from_static("n-1"));
/// headers.insert(header::LINK, HeaderValue::from_static("</>; rel=\"home\""));
/// more.write(&mut headers);
/// assert_eq!(headers["dpop-nonce"], "n-2");
/// assert_eq!(headers.get_all(header::LINK).iter().count(), 2);
/// ```
#[derive(Clone, Default)]
pub struct ResponseHeaders {
    lines: Option<Box<Lines>>,
}

#[derive(Clone, Default)]
struct Lines(Vec<Line>);

#[derive(Clone)]
struct Line {
    name: HeaderName,
    value: HeaderValue,
    replaces: bool,
}

impl ResponseHeaders {
    /// No headers.
    #[must_use]
    pub const fn none() -> Self {
        Self { lines: None }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.lines.is_none()
    }

    /// A header that there is once, such as `Sunset` or `DPoP-Nonce`: it replaces what the response
    /// says so far.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.push(name, value, true);
    }

    /// A header that is a list, such as `RateLimit` or `Link`: it stands beside what the response says
    /// so far.
    pub fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.push(name, value, false);
    }

    /// Goes on with the headers of `other`.
    pub fn append(&mut self, other: Self) {
        match (&mut self.lines, other.lines) {
            (Some(lines), Some(others)) => lines.0.extend(others.0),
            (None, others) => self.lines = others,
            (Some(_), None) => {}
        }
    }

    /// Writes them into the head of a response, in the order in which they came.
    #[inline]
    pub fn write(&self, headers: &mut HeaderMap) {
        if !self.is_empty() {
            self.write_lines(headers);
        }
    }

    fn write_lines(&self, headers: &mut HeaderMap) {
        for line in self.lines() {
            let (name, value) = (line.name.clone(), line.value.clone());
            if line.replaces {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
    }

    fn lines(&self) -> &[Line] {
        self.lines.as_ref().map_or(&[], |lines| &lines.0)
    }

    fn push(&mut self, name: HeaderName, value: HeaderValue, replaces: bool) {
        let lines = &mut self.lines.get_or_insert_default().0;
        lines.push(Line {
            name,
            value,
            replaces,
        });
    }
}

/// Shows the names alone: values may be meant for one client.
impl fmt::Debug for ResponseHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.lines().iter().map(|line| &line.name);
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CACHE_CONTROL, LINK};

    use super::*;

    #[test]
    fn headers_are_written_in_the_order_in_which_they_came() {
        let value = HeaderValue::from_static;
        let mut all = ResponseHeaders::none();
        assert!(all.is_empty());
        all.append(ResponseHeaders::none());
        assert!(all.is_empty());
        let mut first = ResponseHeaders::none();
        first.add(LINK, value("<a>"));
        first.set(CACHE_CONTROL, value("private"));
        all.append(first);
        let mut second = ResponseHeaders::none();
        second.add(LINK, value("<b>"));
        second.set(CACHE_CONTROL, value("no-store"));
        all.append(second);

        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, value("public"));
        all.write(&mut headers);
        let links: Vec<_> = headers.get_all(LINK).iter().collect();
        assert_eq!(links, ["<a>", "<b>"]);
        let cache: Vec<_> = headers.get_all(CACHE_CONTROL).iter().collect();
        assert_eq!(cache, ["no-store"]);
        let shown = format!("{all:?}");
        assert!(shown.contains("cache-control") && !shown.contains("no-store"));
    }

    #[test]
    fn none_is_one_pointer() {
        assert_eq!(size_of::<ResponseHeaders>(), size_of::<usize>());
    }
}
