//! `tMembers`: accounts in brackets, without quotes, so not JSON; in one example a list, though.

use std::ops::Deref;

use serde::{Serialize, Serializer};

use crate::lenient::{Impossible, Lenient, Plain, Shape, unquote};

/// Accounts, written as `[a, b]`, as JSON text or as a list.
///
/// ```
/// use offhook::lenient::Lenient;
/// use offhook::yunxin::Accounts;
///
/// // As it is documented, and as one example has it.
/// for written in [r#""[mei, an]""#, r#"["mei","an"]"#] {
///     let accounts = Accounts::read(written).expect("accounts").expect("some");
///     assert_eq!(accounts[..], ["mei", "an"]);
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Accounts(Vec<String>);

impl Deref for Accounts {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl Lenient for Accounts {
    const EXPECTED: &'static str = "a list of accounts, or text such as [a, b]";
    const SHAPE: Shape = Shape::Texts;

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        if let Ok(list) = Vec::<String>::read(raw) {
            return Ok(list.map(Self));
        }
        let text = unquote(raw).ok_or(Impossible)?;
        let inside = text.trim_ascii().strip_prefix('[').and_then(|text| text.strip_suffix(']')).ok_or(Impossible)?;
        let accounts = inside.split(',').map(str::trim).filter(|account| !account.is_empty());
        Ok(Some(Self(accounts.map(str::to_owned).collect())))
    }
}

impl From<Accounts> for Plain {
    fn from(accounts: Accounts) -> Self {
        Self::Texts(accounts.0)
    }
}

impl Serialize for Accounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
