// driven: all commands, in the order in which help names them.
import type { Command } from './command.ts';
import { auditCommand } from './commands/audit.ts';
import { configCommand } from './commands/config.ts';
import { dhtCommand } from './commands/dht.ts';
import { doctorCommand } from './commands/doctor.ts';
import { explainCommand } from './commands/explain.ts';
import { getCommand } from './commands/get.ts';
import { hashCommand } from './commands/hash.ts';
import { makeHelpCommand } from './commands/help.ts';
import { infoCommand } from './commands/info.ts';
import { initCommand } from './commands/init.ts';
import { kvCommand } from './commands/kv.ts';
import { labCommand } from './commands/lab.ts';
import { leaveCommand } from './commands/leave.ts';
import { listCommand } from './commands/ls.ts';
import { peersCommand } from './commands/peers.ts';
import { putCommand } from './commands/put.ts';
import { removeCommand } from './commands/rm.ts';
import { sampleCommand } from './commands/sample.ts';
import { serveCommand } from './commands/serve.ts';
import { shellCommand } from './commands/shell.ts';
import { startCommand } from './commands/start.ts';
import { statusCommand } from './commands/status.ts';
import { stopCommand } from './commands/stop.ts';
import { versionCommand } from './commands/version.ts';

const VERBS: readonly Command[] = [
  sampleCommand,
  initCommand,
  putCommand,
  getCommand,
  listCommand,
  startCommand,
  stopCommand,
  statusCommand,
  peersCommand,
  infoCommand,
  auditCommand,
  removeCommand,
  leaveCommand,
  hashCommand,
  serveCommand,
  shellCommand,
  kvCommand,
  labCommand,
  configCommand,
  dhtCommand,
  doctorCommand,
  explainCommand,
  versionCommand,
];

export const COMMANDS: readonly Command[] = [...VERBS, makeHelpCommand(VERBS)];
