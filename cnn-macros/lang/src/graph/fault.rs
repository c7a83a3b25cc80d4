//! Why an operation cannot follow, and which word is at fault.

/// Which word of a layer is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The keyword.
    Keyword,
    /// The argument of this name.
    Argument(&'static str),
    /// The branch with this index.
    Branch(usize),
}

/// Why an operation cannot follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which word is at fault.
    pub at: At,
    /// What is wrong, with the numbers.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault of the layer as a whole.
    pub fn new(message: impl Into<String>) -> Fault {
        Fault { at: At::Keyword, message: message.into(), help: None }
    }

    /// The word at fault.
    pub fn at(mut self, argument: &'static str) -> Fault {
        self.at = At::Argument(argument);
        self
    }

    /// The branch at fault.
    pub fn branch(mut self, index: usize) -> Fault {
        self.at = At::Branch(index);
        self
    }

    /// How to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }
}
