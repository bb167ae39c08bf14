// driven: the command line inside this process, as its own process would run it: for tests of many commands that need no process each.
import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import type { CommandResult, JsonLine } from '../../demos/lib/local-network.ts';
import type { CliIo } from '../../packages/cli/src/output/io.ts';
import { runCommandLine } from '../../packages/cli/src/run-command-line.ts';

export interface TypeOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Types a command into pipes without color; `last` is its last JSON line. */
export async function typeCommand(args: readonly string[], { env = {}, cwd = tmpdir() }: TypeOptions = {}): Promise<CommandResult> {
  const streams = [new PassThrough(), new PassThrough(), new PassThrough()] as const;
  const [stdin, stdout, stderr] = streams.map((stream) => Object.assign(stream, { isTTY: false }));
  const said = ['', ''] as [string, string];
  streams[1].setEncoding('utf8').on('data', (text: string) => (said[0] += text));
  streams[2].setEncoding('utf8').on('data', (text: string) => (said[1] += text));
  const io = { stdin, stdout, stderr, env: { NO_COLOR: '1', ...env }, cwd } as unknown as CliIo;
  const code = await runCommandLine(args, io);
  const line = said[0]
    .split('\n')
    .filter((text) => text.startsWith('{'))
    .at(-1);
  return { code, stdout: said[0], stderr: said[1], last: line === undefined ? { type: 'none' } : (JSON.parse(line) as JsonLine) };
}
