// driven: `batchain serve http`: storage over HTTP through the daemon of the home, until it is interrupted (SH-05, BD-56).
import { resolve } from 'node:path';
import { defineSettings, ipValue, optional, portValue, type ServeReady, textValue } from '@batchain/participant/client';
import { usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { requireDaemon } from '../daemon-access.ts';
import { curlLines, serveWarning } from './serve-text.ts';

/** As the storages of SDHT had it. */
const HTTP_PORT = 8000;

const OPTIONS = defineSettings({
  port: { schema: portValue, default: HTTP_PORT, argument: 'N', help: `TCP port; 0 = any; ${HTTP_PORT} by default` },
  host: {
    schema: ipValue,
    default: '127.0.0.1',
    argument: 'ADDR',
    help: 'IP address to listen on; on another than the default every request needs a token',
  },
  'token-file': {
    schema: optional(textValue(4096)),
    default: undefined,
    argument: 'PATH',
    help: 'file with the token; one in the home is made where it is needed',
  },
});
type Context = CommandContext<typeof OPTIONS>;

function tellReady({ output }: Context, ready: ServeReady): void {
  output.line('ready', { ...ready });
  output.say(`Storage over HTTP on ${ready.url}`);
  output.say(ready.tokenFile === null ? '  token      none: it listens to this computer alone' : `  token      ${ready.tokenFile}`);
  for (const line of curlLines(ready)) output.say(`  ${line}`);
  const warning = serveWarning(ready);
  if (warning !== undefined) output.warn(warning.text, warning);
  output.say('Stop it: Ctrl-C');
}

async function runServe(context: Context): Promise<CommandOutcome> {
  const { words, options, origins, io, signal, output } = context;
  if (words[0] !== 'http') throw usageError(`serve knows no ${JSON.stringify(words[0])}`, 'known: http', 'serve');
  const client = await requireDaemon(context);
  const tokenFile = options['token-file'];
  // BATCHAIN_HOST is what the node itself binds to.
  const host = origins.host === 'environment' ? OPTIONS.host.default : options.host;
  const body = { host, port: options.port, ...(tokenFile === undefined ? {} : { tokenFile: resolve(io.cwd, tokenFile) }) };
  let ready: ServeReady | undefined;
  const onReady = (told: ServeReady): void => {
    ready = told;
    tellReady(context, told);
  };
  try {
    await client.serveHttp(body, { signal, onReady });
  } catch (error) {
    // Ctrl-C is how it ends.
    if (ready === undefined || !signal.aborted) throw error;
  }
  output.say('Stopped.');
  return { json: { stopped: true, url: ready?.url ?? null }, text: [] };
}

export const serveCommand = defineCommand({
  name: 'serve',
  summary: 'let curl and other programs store and fetch over HTTP, until Ctrl-C',
  positionals: [{ name: 'http', isRequired: true }],
  options: OPTIONS,
  examples: [
    ['batchain serve http', `on 127.0.0.1:${HTTP_PORT}, for this computer alone; no token`],
    ['batchain serve http --host 0.0.0.0', 'for others too; every request needs the token of the file that it prints'],
    ['batchain start --http-port 8000', 'the same with the node, for as long as it runs'],
  ],
  notes: [
    'What it serves (docs/spec/http-gateway.md)',
    '  GET PUT DELETE /kv/KEY    values by key; ?local=1: in the local store; ?ttl=30m: for half an hour',
    '  GET            /kv/       the own keys; ?prefix=P&after=KEY&limit=N',
    '  GET PUT DELETE /files/REF files by name or id; ?policy=KofN when storing',
    '  GET            /files/    the own files',
    '  GET            /health    without a token',
  ],
  // What was asked for, with --timeout; else until it is ended.
  timeoutMs: () => undefined,
  run: runServe,
});
