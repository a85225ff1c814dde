//! A JSON reader that keeps every scalar as its bytes on the wire: two documents are equal here only if their escapes,
//! member order and spacing (none) are equal too.

/// One JSON value, scalars unparsed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Raw {
    /// Members in the order received; names without their quotes.
    Object(Vec<(String, Raw)>),
    /// Elements in the order received.
    Array(Vec<Raw>),
    /// The bytes between the quotes, escapes not undone.
    Text(Vec<u8>),
    /// A number, `true`, `false` or `null` as written.
    Word(String),
}

impl Raw {
    /// Reads one value that fills `bytes` entirely and has no space outside strings.
    ///
    /// # Errors
    /// The offset and what was expected there.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Raw, String> {
        let mut reader = Reader { bytes, at: 0 };
        let value = reader.value()?;
        if reader.at == bytes.len() {
            Ok(value)
        } else {
            Err(format!("offset {}: bytes after the value", reader.at))
        }
    }

    /// The member `name` of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Raw> {
        match self {
            Raw::Object(members) => members
                .iter()
                .find(|(have, _)| have == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The member at the end of a path of names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Raw> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The value as an unsigned number.
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Raw::Word(word) => word.parse().ok(),
            _ => None,
        }
    }

    /// The bytes of a string with its escapes undone; `None` for other values.
    pub(crate) fn text(&self) -> Option<Vec<u8>> {
        match self {
            Raw::Text(raw) => Some(unescape(raw)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Raw {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Raw::Object(members) => {
                out.write_str("{")?;
                for (position, (name, value)) in members.iter().enumerate() {
                    let comma = if position > 0 { "," } else { "" };
                    write!(out, "{comma}\"{name}\":{value}")?;
                }
                out.write_str("}")
            }
            Raw::Array(elements) => {
                out.write_str("[")?;
                for (position, value) in elements.iter().enumerate() {
                    let comma = if position > 0 { "," } else { "" };
                    write!(out, "{comma}{value}")?;
                }
                out.write_str("]")
            }
            Raw::Text(text) => write!(out, "\"{}\"", super::http::show(text)),
            Raw::Word(word) => out.write_str(word),
        }
    }
}

/// Undoes JSON escapes; a surrogate half, which the servers never send, becomes `?`.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'u') => {
                let digits: String = rest.by_ref().take(4).map(char::from).collect();
                let code = u32::from_str_radix(&digits, 16)
                    .ok()
                    .and_then(char::from_u32);
                let mut utf8 = [0; 4];
                out.extend_from_slice(code.unwrap_or('?').encode_utf8(&mut utf8).as_bytes());
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Raw, String> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => Ok(Raw::Text(self.text()?)),
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => Ok(Raw::Word(self.word())),
            other => Err(self.expected("a value", other)),
        }
    }

    fn object(&mut self) -> Result<Raw, String> {
        let mut members = Vec::new();
        self.at += 1;
        if self.skip(b'}') {
            return Ok(Raw::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member name", self.peek()));
            }
            let name = String::from_utf8_lossy(&self.text()?).into_owned();
            if !self.skip(b':') {
                return Err(self.expected("a colon", self.peek()));
            }
            members.push((name, self.value()?));
            if self.skip(b'}') {
                return Ok(Raw::Object(members));
            }
            if !self.skip(b',') {
                return Err(self.expected("a comma or }", self.peek()));
            }
        }
    }

    fn array(&mut self) -> Result<Raw, String> {
        let mut elements = Vec::new();
        self.at += 1;
        if self.skip(b']') {
            return Ok(Raw::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            if self.skip(b']') {
                return Ok(Raw::Array(elements));
            }
            if !self.skip(b',') {
                return Err(self.expected("a comma or ]", self.peek()));
            }
        }
    }

    fn text(&mut self) -> Result<Vec<u8>, String> {
        self.at += 1;
        let from = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(self.bytes[from..self.at - 1].to_vec());
                }
                b'\\' => self.at += 2,
                0..=0x1f => return Err(self.expected("an escaped control byte", Some(byte))),
                _ => self.at += 1,
            }
        }
        Err(format!("offset {from}: a string without its end"))
    }

    fn word(&mut self) -> String {
        let from = self.at;
        while matches!(
            self.peek(),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
        ) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.bytes[from..self.at]).into_owned()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expected(&self, what: &str, found: Option<u8>) -> String {
        let found = found.map(char::from);
        format!("offset {}: expected {what}, found {found:?}", self.at)
    }
}
