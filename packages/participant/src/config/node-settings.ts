// pure: the settings of a participant with their defaults: the one DEFAULTS table of config.toml and of `batchain start`.
import { GiB } from '@batchain/shared';
import {
  defineSettings,
  hostPortsValue,
  ipValue,
  KAD_PORT,
  optional,
  portValue,
  type Setting,
  type SettingValues,
  sizeValue,
  switchValue,
  textValue,
  wordValue,
} from './settings.ts';

export const PROFILES = ['normal', 'demo'] as const;
export type Profile = (typeof PROFILES)[number];
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

type NodeSettingTable = {
  readonly name: Setting<string | undefined>;
  readonly offer: Setting<number>;
  readonly 'keep-free': Setting<number | undefined>;
  readonly host: Setting<string | undefined>;
  readonly 'kad-port': Setting<number>;
  readonly 'bat-port': Setting<number>;
  readonly join: Setting<readonly string[]>;
  readonly network: Setting<string>;
  readonly 'network-secret-file': Setting<string | undefined>;
  readonly relay: Setting<boolean>;
  readonly 'no-lan-discovery': Setting<boolean>;
  readonly 'http-port': Setting<number | undefined>;
  readonly 'http-host': Setting<string>;
  readonly 'http-token-file': Setting<string | undefined>;
  readonly profile: Setting<Profile>;
  readonly 'log-level': Setting<LogLevel>;
};

export const NODE_SETTINGS: NodeSettingTable = defineSettings({
  name: { schema: optional(textValue(64)), default: undefined, argument: 'NAME', help: 'name of this computer' },
  offer: { schema: sizeValue, default: 20 * GiB, argument: 'SIZE', help: 'disk space for the files of others; 0 hosts nothing' },
  'keep-free': {
    schema: optional(sizeValue),
    default: undefined,
    argument: 'SIZE',
    help: 'disk space never used; by default the larger of 1 GiB and 5 % of the disk',
  },
  host: {
    schema: optional(ipValue),
    default: undefined,
    argument: 'ADDR',
    help: 'IP address to bind and to advertise; all interfaces by default',
  },
  'kad-port': { schema: portValue, default: KAD_PORT, argument: 'N', help: 'UDP port; 0 = any' },
  'bat-port': { schema: portValue, default: 4880, argument: 'N', help: 'TCP port; 0 = any' },
  join: {
    schema: hostPortsValue,
    default: [],
    argument: 'HOST:PORT',
    isList: true,
    help: 'kad address of a member, port 4870 unless said; may be repeated; once is enough, members are remembered',
  },
  network: { schema: textValue(64), default: 'batchain', argument: 'NAME', help: 'network to take part in' },
  'network-secret-file': {
    schema: optional(textValue(4096)),
    default: undefined,
    argument: 'PATH',
    help: 'file with the secret of the network; who lacks it is refused',
  },
  relay: { schema: switchValue, default: false, help: 'carry the connections of others: 1 GiB each, 20 GiB a day' },
  'no-lan-discovery': {
    schema: switchValue,
    default: false,
    help: 'do not look for members on the local network',
  },
  'http-port': {
    schema: optional(portValue),
    default: undefined,
    argument: 'N',
    help: 'serve files and values over HTTP on this TCP port, too; 0 = any; none by default',
  },
  'http-host': {
    schema: ipValue,
    default: '127.0.0.1',
    argument: 'ADDR',
    help: 'IP address for HTTP; on another than the default every request needs a token',
  },
  'http-token-file': {
    schema: optional(textValue(4096)),
    default: undefined,
    argument: 'PATH',
    help: 'file with the token for HTTP; one in the home is made where it is needed',
  },
  profile: { schema: wordValue(PROFILES), default: 'normal', argument: 'NAME', help: 'normal, or demo: failures are noticed in seconds' },
  'log-level': { schema: wordValue(LOG_LEVELS), default: 'info', argument: 'LEVEL', help: LOG_LEVELS.join(', ') },
});

export type NodeSettings = SettingValues<NodeSettingTable>;
