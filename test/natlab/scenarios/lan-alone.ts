// Two participants on one LAN, no public node and no address typed: they find each other and use nothing but the LAN.
import { meet, startPeers } from '../meet.ts';
import { runScenario, wait, withLab } from './scenario.ts';

const FIND_WITHIN_MS = 20_000;

await runScenario('one LAN without any public node', () =>
  withLab('nat r type=linux\nhost a via=r\nhost b via=r\n', async (lab) => {
    const startedMs = performance.now();
    await startPeers(lab, { join: [] });
    const sees = async (from: string): Promise<boolean> => (await lab.client(from).status()).peers.online > 0;
    while (!(await sees('a')) || !(await sees('b'))) {
      if (performance.now() - startedMs > FIND_WITHIN_MS) throw new Error(`they did not find each other in ${FIND_WITHIN_MS / 1000} s`);
      await wait(100);
    }
    console.log(`found each other ${Math.round(performance.now() - startedMs)} ms after they were started`);
    const met = await meet(lab, 'a', ['lan']);
    console.log(`path ${met.path}, first byte after ${Math.round(met.firstByteMs)} ms`);
    if (met.path !== 'lan') throw new Error(`the path is ${met.path}`);
    const outward = (await lab.traffic()).filter(({ upstream, protocol }) => upstream === 'inet' && protocol !== 'igmp');
    if (outward.length > 0) throw new Error(`they sent to the internet: ${JSON.stringify(outward)}`);
    console.log('nothing went to the internet');
  }),
);
