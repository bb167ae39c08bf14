#!/usr/bin/env node
// driven: the `batchain-sample` command: the same verbs, against the sample network of this computer.
import './early-interruption.ts';

const [{ runProcess }, { readSampleHome }, { sampleHelp }] = await Promise.all([
  import('./run-process.ts'),
  import('./sample/sample-home.ts'),
  import('./sample/sample-help.ts'),
]);

function sampleArguments(argv: readonly string[]): readonly string[] {
  const wantsOnlyHelp = argv.some((word) => ['-h', '--help', 'help', '-V', '--version'].includes(word));
  return wantsOnlyHelp ? argv : [...argv, '--home', readSampleHome(process.env)];
}

const words = process.argv.slice(2);
const isBare = words.every((word) => ['-h', '--help', 'help'].includes(word));
if (isBare) process.stdout.write(`${sampleHelp().join('\n')}\n`);
else await runProcess(words, sampleArguments);
