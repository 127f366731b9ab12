// When the page is drawn: everything that changed together, at most six times a second, and not at all while nobody looks.

const SHORTEST_MS = 160;

const waiting = new Set();
let asked = false;
let last = 0;

/** Run the job with the next drawing; asking again before that changes nothing. */
export function draw(job) {
  waiting.add(job);
  ask();
}

/** Forget a job that was asked for. */
export function undraw(job) {
  waiting.delete(job);
}

function ask() {
  if (asked || document.hidden) return;
  asked = true;
  const due = last + SHORTEST_MS - performance.now();
  if (due > 0) setTimeout(() => requestAnimationFrame(run), due);
  else requestAnimationFrame(run);
}

function run() {
  asked = false;
  last = performance.now();
  const jobs = [...waiting];
  waiting.clear();
  for (const job of jobs) job();
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && waiting.size) ask();
});

/** Call the job now and then, not while the page is hidden, and once when it is looked at again. Gives back what ends it. */
export function every(milliseconds, job) {
  let last = performance.now();
  const timer = setInterval(() => {
    if (document.hidden) return;
    last = performance.now();
    job();
  }, milliseconds);
  const seen = () => {
    if (document.hidden || performance.now() - last < milliseconds) return;
    last = performance.now();
    job();
  };
  document.addEventListener("visibilitychange", seen);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", seen);
  };
}
