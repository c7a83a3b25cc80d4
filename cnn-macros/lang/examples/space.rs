//! What a space is: `cargo run -p cnn-lang --example space FILE [NAME]`.

use std::time::Instant;

use cnn_lang::space::{Genome, load};

fn main() {
    let mut args = std::env::args().skip(1);
    let Some(path) = args.next() else { return eprintln!("usage: space FILE [NAME]") };
    let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let begin = Instant::now();
    let space = match load(&source, args.next().as_deref()) {
        Ok(space) => space,
        Err(errors) => return errors.iter().for_each(|error| eprintln!("{:?} error: {error}", error.span)),
    };
    println!("proven in {:.3} s, {} states", begin.elapsed().as_secs_f64(), space.states());
    println!("{}: {:?} members, 2^{:.1}", space.name(), space.size(), space.log2_size());
    println!("from {:?}\n  to {:?}\nsampling {:?}", space.range()[0], space.range()[1], space.sampling());
    for gene in space.genes() {
        println!("  {} {:?} {:?}", gene.name, gene.options, gene.parents);
    }
    let mut rng = cnn_lang::space::SplitMix(1);
    let genomes: Vec<Genome> = (0..10_000).map(|_| space.sample(&mut rng).expect("a member")).collect();
    let begin = Instant::now();
    let total: u64 = genomes.iter().map(|genome| space.costs(genome).expect("a member").params).sum();
    let rate = genomes.len() as f64 / begin.elapsed().as_secs_f64();
    println!("costs of {rate:.0} genomes a second, {} parameters on average", total / genomes.len() as u64);
    println!("{}\n{:?}", space.source(&genomes[0]).expect("source"), space.costs(&genomes[0]));
}
