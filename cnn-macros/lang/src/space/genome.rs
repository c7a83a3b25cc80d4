//! The name of one member of a space.

use std::fmt;
use std::str::FromStr;

use serde_core::de::{Deserialize, Deserializer, Error, Visitor};
use serde_core::ser::{Serialize, Serializer};

/// Which option each gene of a space takes, in the order of the space's gene table; `None` where the gene is inactive, since
/// the branch that it stands in was not taken. Two genomes are equal if and only if they are the same member.
///
/// As text it is the options' numbers with dots between, `-` for an inactive gene: `2.0.-.1`. In files of serde it is that text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Genome(pub Vec<Option<u16>>);

impl Genome {
    /// The option of a gene; `None` where it is inactive or not there.
    pub fn get(&self, gene: usize) -> Option<u16> {
        self.0.get(gene).copied().flatten()
    }

    /// How many genes there are, inactive ones too.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no gene.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Genome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, option) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            match option {
                Some(option) => write!(f, "{option}")?,
                None => f.write_str("-")?,
            }
        }
        Ok(())
    }
}

/// A text that is no genome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenomeError {
    /// What stands where a number is due.
    pub got: String,
    /// At which gene, from 0.
    pub gene: usize,
}

impl fmt::Display for GenomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { got, gene } = self;
        write!(f, "gene {gene} of the genome is `{got}`; expected the number of an option or -, as in 2.0.-.1")
    }
}

impl std::error::Error for GenomeError {}

impl FromStr for Genome {
    type Err = GenomeError;

    fn from_str(text: &str) -> Result<Genome, GenomeError> {
        if text.is_empty() {
            return Ok(Genome::default());
        }
        let option = |(gene, text): (usize, &str)| match text {
            "-" => Ok(None),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Some).map_err(|_| GenomeError { got: text.to_owned(), gene })
            }
            _ => Err(GenomeError { got: text.to_owned(), gene }),
        };
        text.split('.').enumerate().map(option).collect::<Result<_, _>>().map(Genome)
    }
}

impl Serialize for Genome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Genome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Genome, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Genome;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a genome as text, as in \"2.0.-.1\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Genome, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_genome_in_json_is_its_text() {
        for (genome, json) in [("", "\"\""), ("2.0.-.1", "\"2.0.-.1\""), ("-.65535", "\"-.65535\"")] {
            let genome: Genome = genome.parse().unwrap();
            assert_eq!(serde_json::to_string(&genome).unwrap(), json);
            assert_eq!(serde_json::from_str::<Genome>(json).unwrap(), genome);
            // As bytes that are read once, and as a value in memory.
            assert_eq!(serde_json::from_reader::<_, Genome>(json.as_bytes()).unwrap(), genome);
            assert_eq!(serde_json::from_value::<Genome>(serde_json::to_value(&genome).unwrap()).unwrap(), genome);
        }
        let by_genome: std::collections::BTreeMap<Genome, f64> = serde_json::from_str("{\"1.-\":0.5}").unwrap();
        assert_eq!(serde_json::to_string(&by_genome).unwrap(), "{\"1.-\":0.5}");
    }

    #[test]
    fn json_that_is_no_genome_is_refused() {
        for (json, expected) in [
            ("\"1.x\"", "gene 1 of the genome is `x`; expected the number of an option or -, as in 2.0.-.1"),
            ("\"70000\"", "gene 0 of the genome is `70000`"),
            ("[1, 2]", "expected a genome as text, as in \"2.0.-.1\""),
            ("3", "invalid type: integer `3`, expected a genome as text"),
            ("null", "expected a genome as text"),
        ] {
            let error = serde_json::from_str::<Genome>(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn a_genome_is_its_text() {
        for text in ["", "0", "2.0.-.1", "-.-", "65535.3"] {
            let genome: Genome = text.parse().unwrap();
            assert_eq!(genome.to_string(), text);
        }
        assert_eq!("2.-".parse::<Genome>(), Ok(Genome(vec![Some(2), None])));
    }

    #[test]
    fn what_is_no_number_is_named() {
        for (text, got, gene) in
            [("1.", "", 1), ("1.x", "x", 1), ("+1", "+1", 0), ("0.70000", "70000", 1), ("--", "--", 0)]
        {
            let error = text.parse::<Genome>().unwrap_err();
            assert_eq!((error.got.as_str(), error.gene), (got, gene));
            assert!(error.to_string().contains("expected the number of an option"));
        }
    }
}
