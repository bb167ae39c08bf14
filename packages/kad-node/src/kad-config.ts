// pure: every count and time of a KadNode in one table of defaults, the demo profile, and their checks (DF-12).
import { BatChainError, day, hour, minute, second } from '@batchain/shared';

export interface KadConfig {
  /** Contacts per k-bucket; also how many nodes a record is published to. */
  readonly bucketSize: number;
  readonly replacementsMax: number;
  /** Contacts of one /24 or /48 per bucket and per table; private ranges are exempt (T4). */
  readonly perGroupPerBucketMax: number;
  readonly perGroupPerTableMax: number;
  /** Unanswered tries after which a contact is dropped. */
  readonly failuresMax: number;

  /** Requests a lookup has in flight: this many at first, up to concurrencyMax when answers are slow or it has converged. */
  readonly concurrency: number;
  readonly concurrencyMax: number;
  /** A find-one lookup ends when so many of the nearest known nodes have answered. */
  readonly findOneAnswers: number;
  /** A find-value lookup ends when so many have: more than one, so that one liar hides nothing (T5). */
  readonly findValueAnswers: number;
  /** Disjoint paths that go over a doubtful result (T5); 0 takes every result as it is. */
  readonly securePaths: number;
  /** One of them ends when so many of the nearest nodes that no other path asked have answered. */
  readonly pathAnswers: number;
  /** A request older than this no longer counts as in flight, so that others go out beside it. */
  readonly slowAfterMs: number;
  /** A request older than this does not hold up the end of its lookup. */
  readonly overdueAfterMs: number;
  readonly lookupDeadlineMs: number;
  /** Lookups at the same time; more wait. */
  readonly lookupsInFlightMax: number;
  /** How often a request is tried. */
  readonly tries: number;
  /** STOREs at the same time of one publishing. */
  readonly storesInFlightMax: number;

  readonly refreshIntervalMs: number;
  readonly refreshBucketsMax: number;
  /** How often silent contacts are looked for, and how many are pinged each time. */
  readonly livenessIntervalMs: number;
  readonly livenessPingsMax: number;
  /** A contact silent for this long is asked whether it lives. */
  readonly silentAfterMs: number;

  readonly contactLifetimeMs: number;
  readonly contactIntervalMs: number;
  readonly providerLifetimeMs: number;
  readonly valueLifetimeMs: number;
  /** How often our announcements and values are published again, and how often it is looked which. */
  readonly republishIntervalMs: number;
  readonly republishRoundMs: number;
  readonly republishPerRoundMax: number;
  /** A node that came or went changes who keeps what: records are handed over this long after, together with other changes. */
  readonly handoverDelayMs: number;
  /** What nobody stored here for so long is stored again on the nodes nearest to it, and how often it is looked which. */
  readonly replicationIntervalMs: number;
  readonly replicationRoundMs: number;
  readonly replicationPerRoundMax: number;
  readonly expiryIntervalMs: number;
  readonly saveIntervalMs: number;

  /** Persisted peers that are asked at a start, and how old they may be (T4). */
  readonly rememberedPeersMax: number;
  readonly rememberedPeerAgeMs: number;
  /** How long joining waits for slow bootstrap contacts once one has answered. */
  readonly bootstrapWaitMs: number;
  readonly rejoinDelayMinMs: number;
  readonly rejoinDelayMaxMs: number;
  /** Offline is: nothing heard for this long, and so many failures in a row (all contacts, when there are fewer). */
  readonly offlineAfterMs: number;
  readonly offlineAfterFailures: number;
  /** Timers fire up to this fraction early or late, so that nodes started together do not act together. */
  readonly jitterRatio: number;
}

export const KAD_DEFAULTS: KadConfig = {
  bucketSize: 20,
  replacementsMax: 10,
  perGroupPerBucketMax: 2,
  perGroupPerTableMax: 10,
  failuresMax: 3,

  concurrency: 3,
  concurrencyMax: 10,
  findOneAnswers: 3,
  findValueAnswers: 20,
  securePaths: 4,
  pathAnswers: 10,
  slowAfterMs: 250,
  overdueAfterMs: 1500,
  lookupDeadlineMs: 20 * second,
  lookupsInFlightMax: 64,
  tries: 3,
  storesInFlightMax: 10,

  refreshIntervalMs: 10 * minute,
  refreshBucketsMax: 16,
  livenessIntervalMs: 1 * minute,
  livenessPingsMax: 16,
  silentAfterMs: 5 * minute,

  contactLifetimeMs: 8 * hour,
  contactIntervalMs: 3 * hour,
  providerLifetimeMs: 48 * hour,
  valueLifetimeMs: 48 * hour,
  republishIntervalMs: 22 * hour,
  republishRoundMs: 5 * minute,
  republishPerRoundMax: 500,
  handoverDelayMs: 10 * second,
  replicationIntervalMs: 1 * hour,
  replicationRoundMs: 1 * minute,
  replicationPerRoundMax: 500,
  expiryIntervalMs: 10 * minute,
  saveIntervalMs: 5 * minute,

  rememberedPeersMax: 30,
  rememberedPeerAgeMs: 5 * day,
  bootstrapWaitMs: 1 * second,
  rejoinDelayMinMs: 1 * second,
  rejoinDelayMaxMs: 1 * minute,
  offlineAfterMs: 20 * second,
  offlineAfterFailures: 3,
  jitterRatio: 0.1,
};

/** Named sets of changes to the defaults. `demo`: failures are noticed within seconds; lifetimes stay those of the wire. */
export const KAD_PROFILES: Readonly<Record<'default' | 'demo', Partial<KadConfig>>> = {
  default: {},
  demo: {
    refreshIntervalMs: 20 * second,
    livenessIntervalMs: 1 * second,
    silentAfterMs: 2 * second,
    contactIntervalMs: 1 * minute,
    republishIntervalMs: 5 * minute,
    republishRoundMs: 2 * second,
    handoverDelayMs: 500,
    replicationIntervalMs: 1 * minute,
    replicationRoundMs: 2 * second,
    expiryIntervalMs: 10 * second,
    saveIntervalMs: 5 * second,
    rejoinDelayMinMs: 250,
    rejoinDelayMaxMs: 4 * second,
    offlineAfterMs: 3 * second,
  },
};

/** What a value may be: its least and greatest. Ratios are from 0 to below 1, all else whole numbers. */
const RANGES: { readonly [K in keyof KadConfig]: readonly [least: number, greatest: number] } = {
  bucketSize: [1, 64],
  replacementsMax: [0, 64],
  perGroupPerBucketMax: [1, 64],
  perGroupPerTableMax: [1, 1000],
  failuresMax: [1, 100],
  concurrency: [1, 64],
  concurrencyMax: [1, 64],
  findOneAnswers: [1, 64],
  findValueAnswers: [1, 64],
  securePaths: [0, 16],
  pathAnswers: [1, 64],
  slowAfterMs: [1, minute],
  overdueAfterMs: [1, minute],
  lookupDeadlineMs: [1, hour],
  lookupsInFlightMax: [1, 1000],
  tries: [1, 10],
  storesInFlightMax: [1, 64],
  refreshIntervalMs: [1, day],
  refreshBucketsMax: [1, 256],
  livenessIntervalMs: [1, day],
  livenessPingsMax: [1, 1000],
  silentAfterMs: [1, day],
  contactLifetimeMs: [second, 8 * hour],
  contactIntervalMs: [1, 8 * hour],
  providerLifetimeMs: [second, 48 * hour],
  valueLifetimeMs: [second, 48 * hour],
  republishIntervalMs: [1, 48 * hour],
  republishRoundMs: [1, day],
  republishPerRoundMax: [1, 100_000],
  handoverDelayMs: [1, day],
  replicationIntervalMs: [second, 48 * hour],
  replicationRoundMs: [1, day],
  replicationPerRoundMax: [1, 100_000],
  expiryIntervalMs: [1, day],
  saveIntervalMs: [1, day],
  rememberedPeersMax: [0, 1000],
  rememberedPeerAgeMs: [0, 365 * day],
  bootstrapWaitMs: [0, minute],
  rejoinDelayMinMs: [1, day],
  rejoinDelayMaxMs: [1, day],
  offlineAfterMs: [1, day],
  offlineAfterFailures: [1, 1000],
  jitterRatio: [0, 0.9],
};

/** The whole config: defaults, then the profile's changes, then these. Throws BAT_E_USAGE for a value out of its range. */
export function makeKadConfig(changes: Partial<KadConfig> = {}, profile: keyof typeof KAD_PROFILES = 'default'): KadConfig {
  const config: KadConfig = { ...KAD_DEFAULTS, ...KAD_PROFILES[profile], ...changes };
  for (const name of Object.keys(RANGES) as (keyof KadConfig)[]) {
    const value = config[name];
    const [least, greatest] = RANGES[name];
    const isWhole = name === 'jitterRatio' || Number.isInteger(value);
    if (isWhole && value >= least && value <= greatest) continue;
    throw new BatChainError('BAT_E_USAGE', {
      what: `kad config: ${name} is ${value}`,
      why: `it must be a number from ${least} to ${greatest}`,
      details: { name, value, least, greatest },
    });
  }
  return config;
}
