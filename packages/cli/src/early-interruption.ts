// driven: a Ctrl-C that comes while the program still loads is kept for the command, which then ends as on any other.
// Imports nothing: it must stand before everything else is loaded.

const NAMES: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
let early: NodeJS.Signals | undefined;

function keep(name: NodeJS.Signals): void {
  early = name;
  // The next one ends the process at once, as the system does by itself.
  release();
}

function release(): void {
  for (const name of NAMES) process.off(name, keep);
}

for (const name of NAMES) process.on(name, keep);

/** The signal that came so far, if any; from here on the caller sees to them. */
export function takeEarlySignal(): NodeJS.Signals | undefined {
  release();
  return early;
}
