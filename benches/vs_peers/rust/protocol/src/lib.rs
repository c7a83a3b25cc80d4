//! What a peer and `compare.py` say to each other; `peers/protocol.py` describes it.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Write};
use std::time::Instant;

/// Why a peer cannot go on.
pub type Failure = Box<dyn Error>;

/// What a peer is asked to run, and the images and labels to run it on.
pub struct Work {
    /// A name of the zoo.
    pub network: String,
    /// Forward, backward and a step of SGD with momentum; else the forward pass.
    pub train: bool,
    /// Images of a step.
    pub batch: usize,
    /// Channels, height, width.
    pub input: [usize; 3],
    /// Classes told apart.
    pub classes: usize,
    /// Threads to compute with.
    pub threads: usize,
    /// What `compare.py` asks of a peer that can run in several ways.
    pub setting: String,
    /// Where it is to run: `cpu`, or a graphics processor for those that know one.
    pub device: String,
    /// The network as an ONNX file.
    pub onnx: Option<String>,
    /// Between -1 and 1.
    pub images: Vec<f32>,
    /// One for each image.
    pub labels: Vec<usize>,
}

/// A network ready to run.
pub struct Peer<'a> {
    /// Learned numbers, where the peer can tell.
    pub parameters: Option<u64>,
    /// Bytes that a plan foretold.
    pub planned: Option<usize>,
    /// One step.
    pub step: Box<dyn FnMut() -> Result<(), Failure> + 'a>,
}

/// Takes the arguments, builds the network, makes a step, and answers until the input ends.
///
/// # Errors
/// Arguments that are not of the protocol, a request that is not, or a step that fails.
pub fn serve(build: impl for<'a> FnOnce(&'a Work) -> Result<Peer<'a>, Failure>) -> Result<(), Failure> {
    let work = work(std::env::args().skip(1))?;
    // From here on, the peak is that of the network.
    fs::write("/proc/self/clear_refs", "5")?;
    let before = status("VmRSS:")?;
    let mut peer = match build(&work) {
        Ok(peer) => peer,
        Err(reason) => return say(format_args!("refused {}", reason.to_string().replace('\n', " "))),
    };
    (peer.step)()?;
    match peer.parameters {
        Some(parameters) => say(format_args!("ready {parameters}"))?,
        None => say(format_args!("ready -"))?,
    }
    for line in io::stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("steps", steps)) => {
                let mut times = String::from("times");
                for _ in 0..steps.parse::<usize>()? {
                    let began = Instant::now();
                    (peer.step)()?;
                    times += &format!(" {:.9}", began.elapsed().as_secs_f64());
                }
                say(format_args!("{times}"))?;
            }
            Some(("run", steps)) => {
                let began = Instant::now();
                for _ in 0..steps.parse::<usize>()? {
                    (peer.step)()?;
                }
                say(format_args!("took {:.9}", began.elapsed().as_secs_f64()))?;
            }
            None if line == "memory" => {
                let (now, peak, planned) = (status("VmRSS:")?, status("VmHWM:")?, peer.planned.unwrap_or(0));
                say(format_args!("memory {before} {now} {peak} {planned}"))?;
            }
            _ => return Err(format!("`steps N`, `run N` or `memory`, not `{line}`").into()),
        }
    }
    Ok(())
}

fn say(line: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

fn work(mut arguments: impl Iterator<Item = String>) -> Result<Work, Failure> {
    let (mut network, mut mode, mut input, mut onnx) = (String::new(), String::new(), String::new(), None);
    let (mut setting, mut device) = (String::new(), "cpu".to_owned());
    let (mut batch, mut classes, mut threads) = (0, 0, 0);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--network" => network = value,
            "--mode" => mode = value,
            "--input" => input = value,
            "--onnx" => onnx = Some(value),
            "--batch" => batch = value.parse()?,
            "--classes" => classes = value.parse()?,
            "--threads" => threads = value.parse()?,
            "--setting" => setting = value,
            "--device" => device = value,
            _ => return Err(format!("no argument of a peer: {name}").into()),
        }
    }
    let sizes = input.split('x').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let input = <[usize; 3]>::try_from(sizes).map_err(|_| format!("--input CxHxW, not {input}"))?;
    let train = match mode.as_str() {
        "infer" => false,
        "train" => true,
        _ => return Err(format!("--mode infer or train, not {mode}").into()),
    };
    if network.is_empty() || batch == 0 || classes == 0 || threads == 0 {
        return Err("--network, --batch, --classes and --threads are needed".into());
    }
    let values = batch * input.iter().product::<usize>();
    let images = (0..values).map(|index| (index.wrapping_mul(7919) % 2003) as f32 / 1001.0 - 1.0).collect();
    let labels = (0..batch).map(|index| index % classes).collect();
    Ok(Work { network, train, batch, input, classes, threads, setting, device, onnx, images, labels })
}

/// A figure of the process in bytes.
fn status(what: &str) -> Result<usize, Failure> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(what)).ok_or("Linux says how large a process is")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}
