// natlab verify - proves that every router behaves as its type says.
// Run through `natlab verify`; needs nothing but Node (18 or later).
import { execFileSync } from 'node:child_process';
import { verifyKnobs } from './knobs.mjs';
import { natlab } from './nodes.mjs';
import { EXPECT, verifyTypes } from './types.mjs';

const NATLAB = process.env.NATLAB;
const args = process.argv.slice(2);
let wanted = args.filter((x) => !x.startsWith('--'));
for (const t of wanted) {
  if (EXPECT[t]) continue;
  console.error(`no expectation for '${t}'; known: ${Object.keys(EXPECT).join(' ')}`);
  process.exit(2);
}
process.on('exit', (code) => {
  if (code === 77) return;
  try {
    natlab('down');
  } catch {
    // nothing was up
  }
});
process.stdout.on('error', () => process.exit(1)); // a reader that went away
for (const s of ['SIGINT', 'SIGTERM']) process.on(s, () => process.exit(130));

let code = 0;
try {
  execFileSync(NATLAB, ['check'], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (!wanted.length && !args.includes('--only-knobs')) wanted = Object.keys(EXPECT);
  const t0 = Date.now();
  let failures = wanted.length ? await verifyTypes(wanted) : 0;
  if (args.includes('--knobs') || args.includes('--only-knobs')) {
    console.log();
    failures += await verifyKnobs();
  }
  console.log(`\n${failures ? `${failures} FAILED` : 'all as expected'} in ${((Date.now() - t0) / 1000).toFixed(1)} s`);
  code = failures ? 1 : 0;
} catch (e) {
  code = e.status === 77 ? 77 : 1;
  if (code === 1) console.error(e);
}
process.exit(code);
