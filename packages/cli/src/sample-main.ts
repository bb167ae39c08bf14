#!/usr/bin/env node
// driven: the `batchain-sample` command: the same verbs, against the sample network of this computer.
import './early-interruption.ts';

const [{ runProcess }, { readSampleHome }] = await Promise.all([import('./run-process.ts'), import('./sample/sample-home.ts')]);

function sampleArguments(argv: readonly string[]): readonly string[] {
  const wantsOnlyHelp = argv.length === 0 || argv.some((word) => ['-h', '--help', 'help', '-V', '--version'].includes(word));
  return wantsOnlyHelp ? argv : [...argv, '--home', readSampleHome(process.env)];
}

await runProcess(process.argv.slice(2), sampleArguments);
