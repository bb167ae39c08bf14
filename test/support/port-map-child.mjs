// driven: a PortMapper of the built package, and an echo on the port that it maps. Prints a line for each thing that it is told; takes
// the mapping back and ends when its input does.
import { UdpSocket } from '@batchain/kad-node';
import { createSystemRuntime } from '@batchain/shared/node';

const [reach, adapters, port] = process.argv.slice(2);
const { PortMapper } = await import(reach);
const { findGateway } = await import(adapters);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const echo = new UdpSocket({ port: Number(port) });
await echo.open((bytes, from) => echo.send(bytes, from));
const mapper = new PortMapper(
  createSystemRuntime(),
  {
    openSocket: (host) => new UdpSocket({ host, port: 0 }),
    findGateway: () => findGateway(echo.localAddress),
    nonceKey: new Uint8Array(32).fill(7),
  },
  { onMapped: (mapped) => say({ mapped }), onLost: (lost) => say({ lost }) },
);
mapper.start({ udpPort: Number(port), tcpPort: Number(port) });
process.stdin.resume();
process.stdin.once('end', async () => {
  const startedMs = performance.now();
  await mapper.stop();
  say({ stoppedMs: performance.now() - startedMs, ports: mapper.state().ports });
  process.exit(0);
});
