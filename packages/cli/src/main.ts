#!/usr/bin/env node
// driven: the `batchain` command.
import './early-interruption.ts';

const { runProcess } = await import('./run-process.ts');
await runProcess(process.argv.slice(2));
