#!/usr/bin/env node
// Starts the built command line; in a fresh clone it says how to build it.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  process.stderr.write('error: batchain is not built yet\nfix:   npm run build\n');
  process.exitCode = 1;
}
