// driven: the process of one node of a laboratory: the daemon of every home, with the laboratory's faults on its paths.
import { runDaemon } from '@batchain/participant';
import { NODE_SETTINGS, type NodeSettings, resolveSettings, VERSION } from '@batchain/participant/client';
import { BatChainError, toBatChainError } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { FaultBook } from '../faults/fault-book.ts';
import { FaultTable, NO_FAULTS } from '../faults/fault-table.ts';
import { makeFaultyWire } from '../faults/faulty-wire.ts';
import { readLab } from '../files/lab-file.ts';
import { nodePaths } from '../files/lab-folder.ts';
import { LAB_OFFER_BYTES, LOOPBACK } from '../limits.ts';
import { LabFollower } from './lab-follower.ts';
import { errorLine, type NodeOrder, parseOrder, readyLine } from './node-order.ts';

/** The settings of every home, but for what makes a node one of a laboratory. */
function settingsOf({ folder, name, join }: NodeOrder): NodeSettings {
  const state = readLab(folder);
  const self = state?.nodes.find((node) => node.name === name);
  if (state === undefined || self === undefined)
    throw new BatChainError('BAT_E_NO_LAB', { what: `no laboratory with ${name} is in ${folder}` });
  const { values } = resolveSettings(NODE_SETTINGS, {});
  return {
    ...values,
    name,
    join,
    host: LOOPBACK,
    network: state.network,
    offer: LAB_OFFER_BYTES,
    'keep-free': 0,
    'kad-port': self.kadPort,
    'bat-port': self.batPort,
    'no-lan-discovery': true,
    profile: 'demo',
  };
}

/** Aborts on a signal, when the laboratory is gone, or with the parent where that was ordered. */
function endingOf({ endsWithParent }: NodeOrder): AbortController {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, end);
  if (endsWithParent) process.stdin.once('end', end).once('error', end).resume();
  return ending;
}

async function run(order: NodeOrder): Promise<void> {
  const ending = endingOf(order);
  const runtime = createSystemRuntime();
  const paths = nodePaths(order.folder, order.name);
  const settings = settingsOf(order);
  const book = new FaultBook(new FaultTable(order.name, [], NO_FAULTS));
  const follower = new LabFollower(runtime, { ...order, home: paths.home, book, onGone: () => ending.abort() });
  follower.start();
  await runDaemon({
    paths,
    settings,
    version: VERSION,
    signal: ending.signal,
    wrapWire: makeFaultyWire(runtime, book),
    onReady: (ready) => process.stdout.write(readyLine(ready)),
  });
  follower.stop();
}

process.stdout.on('error', () => undefined);
const { port1: hold } = new MessageChannel();
hold.ref();
let exit = 0;
try {
  await run(parseOrder(process.argv[2]));
} catch (error) {
  exit = 1;
  await new Promise<void>((resolve) => process.stdout.write(errorLine(toBatChainError(error)), () => resolve()));
}
process.exit(exit);
