//! Small spaces at random, some of them with members that are wrong.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Writes one space.
pub struct Author<'r> {
    rng: &'r mut ChaCha8Rng,
    /// Names of numbers in scope.
    numbers: Vec<String>,
    taps: Vec<String>,
    chooses: usize,
    labels: usize,
    fresh: usize,
    /// The blocks that may be called, with how many arguments.
    blocks: Vec<(String, usize)>,
}

/// Genes of one space at most, so that its members can be counted.
const MOST_CHOOSES: usize = 6;

pub fn space(rng: &mut ChaCha8Rng) -> String {
    let mut author =
        Author { rng, numbers: Vec::new(), taps: Vec::new(), chooses: 0, labels: 0, fresh: 0, blocks: Vec::new() };
    let mut text = String::new();
    for index in 0..author.rng.gen_range(0..3) {
        author.numbers = vec!["n".to_owned(), "m".to_owned()];
        author.taps.clear();
        let default = author.number(2);
        let body = author.braced(2);
        text += &format!("block b{index}(n, m = {default}) {body}\n");
        author.blocks.push((format!("b{index}"), 2));
    }
    author.numbers = vec!["classes".to_owned()];
    author.taps.clear();
    let body = author.braced(3);
    let tail = author.chain(2);
    text += &format!(
        "Net(classes = 3): 4x6x6 -> classes;\nstem conv(4, 1);\nbody {body};\n     {tail};\nhead gap -> linear(classes);\n"
    );
    text
}

impl Author<'_> {
    fn one_of<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.rng.gen_range(0..list.len())]
    }

    fn may_choose(&mut self) -> bool {
        let may = self.chooses < MOST_CHOOSES && self.rng.gen_bool(0.4);
        self.chooses += usize::from(may);
        may
    }

    /// An expression with a small positive number.
    fn number(&mut self, depth: usize) -> String {
        if depth > 0 && self.may_choose() {
            let list: Vec<String> = (0..self.rng.gen_range(1..4)).map(|_| self.number(depth - 1)).collect();
            return format!("choose({})", list.join(", "));
        }
        match self.rng.gen_range(0..6) {
            0 | 1 if !self.numbers.is_empty() => {
                let index = self.rng.gen_range(0..self.numbers.len());
                self.numbers[index].clone()
            }
            2 if depth > 0 => format!("min({}, {})", self.number(depth - 1), self.number(depth - 1)),
            3 if depth > 0 => {
                let condition = self.condition(depth - 1);
                format!("if {condition} {{ {} }} else {{ {} }}", self.number(depth - 1), self.number(depth - 1))
            }
            _ => self.one_of(&["1", "2", "3", "4"]).to_owned(),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth > 0 && self.may_choose() {
            return "choose(true, false)".to_owned();
        }
        match self.rng.gen_range(0..4) {
            0 => format!("in.channels == {}", self.number(depth)),
            1 if depth > 0 => format!("{} && {}", self.condition(depth - 1), self.condition(depth - 1)),
            _ => format!("{} {} {}", self.number(depth), self.one_of(&["==", "<", "!="]), self.number(depth)),
        }
    }

    /// `{ let …; chain }`.
    fn braced(&mut self, depth: usize) -> String {
        let outer = self.numbers.len();
        let mut text = "{ ".to_owned();
        for _ in 0..self.rng.gen_range(0..3) {
            let value = self.number(2);
            self.fresh += 1;
            let name = format!("v{}", self.fresh);
            text += &format!("let {name} = {value}; ");
            self.numbers.push(name);
        }
        text += &self.chain(depth);
        self.numbers.truncate(outer);
        text + " }"
    }

    fn chain(&mut self, depth: usize) -> String {
        let steps: Vec<String> = (0..self.rng.gen_range(1..4)).map(|_| self.step(depth)).collect();
        steps.join(" -> ")
    }

    fn step(&mut self, depth: usize) -> String {
        let mut text = String::new();
        if self.rng.gen_bool(0.15) {
            self.labels += 1;
            text += &format!("l{}: ", self.labels);
        }
        text += &self.primary(depth);
        if self.rng.gen_bool(0.12) {
            text += &format!(" * ({})", self.number(1));
        }
        if self.rng.gen_bool(0.05) {
            text += " @ [in.channels, in.height, in.width]";
        }
        text
    }

    fn primary(&mut self, depth: usize) -> String {
        match if depth == 0 { self.rng.gen_range(0..6) } else { self.rng.gen_range(0..14) } {
            0..=2 => self.layer(),
            3 => "relu".to_owned(),
            4 if !self.blocks.is_empty() => {
                let index = self.rng.gen_range(0..self.blocks.len());
                let name = self.blocks[index].0.clone();
                let first = self.number(2);
                if self.rng.gen_bool(0.5) {
                    format!("{name}({first})")
                } else {
                    format!("{name}({first}, m = {})", self.number(1))
                }
            }
            5 if !self.taps.is_empty() => {
                let index = self.rng.gen_range(0..self.taps.len());
                format!("from {}", self.taps[index])
            }
            4 | 5 => {
                self.fresh += 1;
                let name = format!("t{}", self.fresh);
                // Only what is certainly set before can be meant, so it is set on the level of chains alone.
                if depth == 3 {
                    self.taps.push(name.clone());
                }
                format!("tap {name}")
            }
            6..=8 if self.may_choose() => {
                let options: Vec<String> = (0..self.rng.gen_range(1..4)).map(|_| self.chain(depth - 1) + ";").collect();
                format!("choose {{ {} }}", options.join(" "))
            }
            6 | 7 => {
                let condition = self.condition(2);
                let then = self.braced(depth - 1);
                if self.rng.gen_bool(0.5) {
                    format!("if {condition} {then}")
                } else {
                    format!("if {condition} {then} else {}", self.braced(depth - 1))
                }
            }
            8 | 9 => {
                self.fresh += 1;
                let name = format!("i{}", self.fresh);
                let list = if self.rng.gen_bool(0.5) {
                    format!("0..{}", self.number(1))
                } else {
                    format!("[{}, {}]", self.number(1), self.number(1))
                };
                self.numbers.push(format!("({name} + 1)"));
                // A label in a loop would stand twice.
                let body = self
                    .braced(depth - 1)
                    .replace(": ", " ")
                    .split(' ')
                    .filter(|word| !is_label(word))
                    .collect::<Vec<_>>()
                    .join(" ");
                self.numbers.pop();
                format!("for {name} in {list} {body}")
            }
            10 | 11 => {
                let kind = self.one_of(&["add", "concat"]);
                let mut branches = String::new();
                for _ in 0..self.rng.gen_range(1..4) {
                    branches += &match self.rng.gen_range(0..6) {
                        0 => format!("if {} {{ {}; }}; ", self.condition(1), self.same_size(depth - 1)),
                        1 => {
                            self.fresh += 1;
                            let name = format!("j{}", self.fresh);
                            format!(
                                "for {name} in 0..{} {{ conv(in.channels, {name} + 1, pad = same); }}; ",
                                self.number(1)
                            )
                        }
                        _ => format!("{}; ", self.same_size(depth - 1)),
                    };
                }
                format!("{kind} {{ {branches}}}")
            }
            _ => self.braced(depth - 1),
        }
    }

    /// Steps that mostly keep the size.
    fn same_size(&mut self, depth: usize) -> String {
        match self.rng.gen_range(0..4) {
            0 if depth > 0 && self.may_choose() => {
                let kernel = self.number(1);
                format!("choose {{ identity; conv(in.channels, {kernel}, pad = same); relu -> bn; }}")
            }
            0 | 1 => "identity".to_owned(),
            2 => format!("conv(in.channels, {}, pad = same)", self.number(1)),
            _ => format!("{{ {} -> conv(in.channels, 1) }}", self.layer()),
        }
    }

    fn layer(&mut self) -> String {
        match self.rng.gen_range(0..9) {
            0..=2 => format!("conv({}, {}, pad = same)", self.number(2), self.number(1)),
            3 => format!("conv({} * 2, 1)", self.number(2)),
            4 => "bn".to_owned(),
            // Mostly fits.
            5 => format!("conv(4, {})", self.one_of(&["1", "1", "2", "choose(1, 2)"])),
            6 => format!("dwconv({}, pad = same)", self.number(1)),
            7 => "maxpool(2, stride = 1, pad = 1)".to_owned(),
            _ => self.one_of(&["silu", "identity", "maxpool(2, stride = 2, ceil = true)"]).to_owned(),
        }
    }
}

fn is_label(word: &str) -> bool {
    word.len() > 1 && word.starts_with('l') && word[1..].bytes().all(|byte| byte.is_ascii_digit())
}
