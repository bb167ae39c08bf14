// Runs demos: `main.ts NAME...`, `main.ts reset NAME`, `main.ts clean`. See README.md.
import { findHostsByKademlia } from './find-hosts-by-kademlia/demo.ts';
import { httpStorages } from './http-storages/demo.ts';
import { CheckFailed, clean, type Demo, Stage } from './lib/stage.ts';
import { localSwarm } from './local-swarm.ts';
import { shardsToTwoHosts } from './shards-to-two-hosts/demo.ts';
import { writeToOneHost } from './write-to-one-host/demo.ts';

const DEMOS: readonly Demo[] = [writeToOneHost, shardsToTwoHosts, findHostsByKademlia, localSwarm, httpStorages];

function find(word: string): Demo | undefined {
  return DEMOS.find((demo, i) => demo.name === word || String(i + 1) === word);
}

async function runDemo(demo: Demo): Promise<boolean> {
  const stage = await Stage.open(demo.name);
  stage.say(demo.title);
  try {
    await demo.run(stage);
    stage.say('  end state as promised\n');
    return true;
  } catch (error) {
    stage.say(`  FAILED  ${error instanceof CheckFailed ? error.message : String(error)}\n`);
    return false;
  } finally {
    await stage.close();
  }
}

async function main(words: readonly string[]): Promise<number> {
  const [verb, ...names] = words;
  if (verb === 'clean') {
    await clean();
    return 0;
  }
  const chosen = (verb === 'reset' ? names : words).map(find);
  if (chosen.length === 0 || chosen.includes(undefined)) {
    process.stderr.write(
      `usage: demo [reset] NAME...|clean\n${DEMOS.map((demo, i) => `  ${i + 1}  ${demo.name.padEnd(24)} ${demo.title}`).join('\n')}\n`,
    );
    return 2;
  }
  let code = 0;
  for (const demo of chosen as Demo[]) {
    if (verb === 'reset') await clean(demo.name);
    else if (!(await runDemo(demo))) code = 1;
  }
  return code;
}

process.exitCode = await main(process.argv.slice(2));
