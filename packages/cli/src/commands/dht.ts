// driven: `batchain dht`: the network hash table seen from inside: size, nodes near an id, a ping, the routing table, the hops of a lookup (BD-04, BD-15, BD-18, BD-19).
import { countValue, DHT_FIND_COUNT_MAX, defineSettings, ID_TEXT, optional, switchValue } from '@batchain/participant/client';
import { minute } from '@batchain/shared';
import { nearestWord, usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { requireDaemon } from '../daemon-access.ts';
import { findText, pingText, routesCsv, routesText, sizeText, traceText } from './dht-text.ts';

const OPTIONS = defineSettings({
  count: {
    schema: optional(countValue(1, DHT_FIND_COUNT_MAX)),
    default: undefined,
    argument: 'N',
    help: 'of find: so many nodes, up to 64',
  },
  csv: { schema: switchValue, default: false, help: 'of routes: one contact a line, comma-separated' },
});
type Context = CommandContext<typeof OPTIONS>;

const ACTIONS = ['size', 'find', 'ping', 'routes', 'trace'] as const;
type Action = (typeof ACTIONS)[number];
/** The word that each action takes behind itself. */
const WORDS: Readonly<Record<Action, string | undefined>> = {
  size: undefined,
  find: 'ID',
  ping: 'HOST:PORT',
  routes: undefined,
  trace: 'ID',
};

function wrong(what: string, why: string): Error {
  return usageError(what, why, 'dht');
}

function actionOf(word: string): Action {
  const action = ACTIONS.find((one) => one === word);
  if (action !== undefined) return action;
  const near = nearestWord(word, ACTIONS);
  throw wrong(`dht has no ${JSON.stringify(word)}`, near === undefined ? `it has ${ACTIONS.join(', ')}` : `did you mean ${near}?`);
}

/** All that is wrong with the words and flags, before any daemon is asked. */
function check({ options, origins, output }: Context, action: Action, word: string | undefined): void {
  const wanted = WORDS[action];
  if ((word === undefined) !== (wanted === undefined)) {
    const usage = `usage: batchain dht ${[action, ...(wanted === undefined ? [] : [wanted])].join(' ')}`;
    throw wrong(`dht ${action} takes ${wanted === undefined ? 'nothing' : wanted}`, usage);
  }
  if (options.csv && action !== 'routes' && origins.csv === 'flag') throw wrong(`dht ${action} has no --csv`, 'it is of routes alone');
  if (options.csv && output.isJson) throw wrong('--csv and --json do not go together', 'one of them is the form of the result');
  if (options.count !== undefined && action !== 'find' && origins.count === 'flag') {
    throw wrong(`dht ${action} has no --count`, 'it is of find alone');
  }
  if (word === undefined) return;
  const isAddress = action === 'ping' && word.includes(':');
  if (isAddress || ID_TEXT.test(word)) return;
  const what = action === 'ping' ? 'neither HOST:PORT nor an id' : 'no id';
  throw wrong(`${JSON.stringify(word)} is ${what}`, 'an id has 64 hex digits; the first ones do for a node that is known here');
}

async function runDht(context: Context): Promise<CommandOutcome> {
  const { words, options, output, clock, signal } = context;
  const action = actionOf(words[0] ?? '');
  const word = words[1] ?? '';
  check(context, action, words[1]);
  const { dht } = await requireDaemon(context);
  switch (action) {
    case 'size': {
      const result = await dht.size({ signal });
      return { json: result, text: sizeText(result) };
    }
    case 'find': {
      const result = await dht.find(word, { signal, ...(options.count === undefined ? {} : { count: options.count }) });
      return { json: result, text: findText(result, output.out.width) };
    }
    case 'ping': {
      const result = await dht.ping(word, { signal });
      return { json: result, text: pingText(result) };
    }
    case 'routes': {
      const result = await dht.routes({ signal });
      return { json: result, text: options.csv ? routesCsv(result) : routesText(result, clock.nowMs()) };
    }
    case 'trace': {
      const result = await dht.trace(word, { signal });
      return { json: result, text: traceText(result) };
    }
  }
}

export const dhtCommand = defineCommand({
  name: 'dht',
  summary: 'the network hash table from inside: its size, nodes near an id, the hops of a lookup',
  positionals: [
    { name: 'size|find|ping|routes|trace', isRequired: true },
    { name: 'ID|HOST:PORT', isRequired: false },
  ],
  options: OPTIONS,
  examples: [
    ['batchain dht size', 'how many nodes the network has, with the error of the estimate'],
    ['batchain dht find 7f3a91c2', 'the nodes nearest to that id'],
    ['batchain dht ping 192.0.2.7:4870', 'who answers there, how fast, and where it sees this computer'],
    ['batchain dht routes', 'the k-buckets, and the next ids above and below'],
    ['batchain dht routes --csv', 'the same for a spreadsheet'],
    ['batchain dht trace 7f3a91c2', 'every hop of a lookup, and who holds what it looks for'],
  ],
  notes: [
    'An ID has 64 hex digits: of a node, a file, or the SHA-256 of a value. The first digits do for a node that is known here.',
    'distance 2^251: both ids share their first 4 bits (255 - 251) and differ in the next.',
    'size counts nodes that take part in lookups: those behind routers that nobody can reach are not among them.',
    'responsible: the nearest nodes, where a value of that key is kept.',
  ],
  timeoutMs: 1 * minute,
  run: runDht,
});
