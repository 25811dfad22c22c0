//! Tencent: signatures that others accept, requests that leave as documented, answers that come back typed.

mod signatures;
