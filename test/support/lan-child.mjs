// driven: one LanDiscovery of the built package, on all interfaces of the namespace that it runs in. Prints a line for each participant
// that it finds and whenever the state of its interfaces changes; ends in good order when its input does.
import { createSystemRuntime } from '@batchain/shared/node';

const [reach, adapters, byte] = process.argv.slice(2);
const { LanDiscovery } = await import(reach);
const { lanInterfaces } = await import(adapters);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const lan = new LanDiscovery(
  createSystemRuntime(),
  {
    nodeId: new Uint8Array(32).fill(Number(byte)),
    networkTag: 'namespaces',
    kadPort: 4870,
    interfaces: () => lanInterfaces({ host: '::' }),
  },
  { onFound: (address, nodeId) => say({ found: nodeId[0], host: address.host, port: address.port }) },
);
await lan.start();
say({ started: lan.state().interfaces });
let shown = '';
setInterval(() => {
  const { interfaces } = lan.state();
  if (JSON.stringify(interfaces) !== shown) say({ interfaces });
  shown = JSON.stringify(interfaces);
}, 100);
process.stdin.resume();
process.stdin.once('end', async () => {
  await lan.stop();
  process.exit(0);
});
