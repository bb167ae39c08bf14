// driven: the process of a simulated laboratory: all its nodes, its clock and its control socket.
import { acquireHomeLock } from '@batchain/participant/client';
import { createSystemRuntime } from '@batchain/shared/node';
import { labStamp } from '../files/lab-file.ts';
import { nodePaths, simulationPaths } from '../files/lab-folder.ts';
import { DOOR_NODE, GONE_LOOK_INTERVAL_MS } from '../limits.ts';
import { runProgram } from '../program.ts';
import { readyLine } from '../start-process.ts';
import { serveLines } from './line-server.ts';
import { parseNatMix } from './nat-mix.ts';
import { type SimOrder, simOrderSchema, simRequestSchema } from './sim-control.ts';
import { SimDesk } from './sim-desk.ts';
import { SimDoor } from './sim-door.ts';
import { SimLab } from './sim-lab.ts';
import { SimPump } from './sim-pump.ts';

async function run(order: SimOrder, ending: AbortController): Promise<void> {
  const runtime = createSystemRuntime();
  const { folder, seed, speed } = order;
  const paths = simulationPaths(folder);
  const lock = acquireHomeLock(paths.lockFile, runtime.entropy);
  const onStop = (): void => ending.abort();
  const door = new SimDoor(runtime, nodePaths(folder, DOOR_NODE), () => void desk.handle({ op: 'kill', words: [DOOR_NODE] }));
  const lab = new SimLab({ seed, folder, nat: parseNatMix(order.nat), door: { name: DOOR_NODE, ...door } });
  const pump = new SimPump(runtime.clock, lab.simulation.clock, speed);
  const desk = new SimDesk(runtime, { order, lab, pump, door, onStop });
  const running = pump.run();
  running.catch(onStop);
  const ended = new Promise<void>((resolve) => ending.signal.addEventListener('abort', () => resolve(), { once: true }));
  const server = await serveLines(paths.controlPath, async (question) => desk.handle(simRequestSchema.parse(question)));
  try {
    await Promise.race([desk.grow(order), ended]);
    process.stdout.write(readyLine({ control: paths.controlPath }));
    while (!ending.signal.aborted) {
      await Promise.race([ended, runtime.clock.sleep(GONE_LOOK_INTERVAL_MS)]);
      if (labStamp(folder) === undefined) ending.abort();
    }
    await door.close();
  } finally {
    server.close();
    pump.stop();
    lock.release();
  }
  // Nobody is left who could be told of an end in good order.
  await running;
}

const order = simOrderSchema.parse(JSON.parse(process.argv[2] ?? ''));
await runProgram(order, (ending) => run(order, ending));
