// driven: the verbs about the network: each asks the local API once and says what it answered (BD-30, BD-31).

import type { FoundParticipant } from '@batchain/participant/client';
import { BatChainError, isLoopbackHost, splitHostPort } from '@batchain/shared';
import { parseIsoTime } from '@batchain/shared/node';
import { routesCsv } from '../../commands/dht-text.ts';
import { countText, shortIdText } from '../../output/health-text.ts';
import { fitText } from '../../output/printable.ts';
import { agoText } from '../../output/times.ts';
import { LISTENER_CHECK_MS, VERB_SHOWN_MAX } from '../shell-limits.ts';
import type { RequestOf } from '../shell-request.ts';
import type { VerbAnswer, VerbTools } from '../verb-tools.ts';
import { locateText } from './locate-text.ts';
import { routesText } from './routes-text.ts';

/** A listener of this computer answers at once, or an address of it is not one that can be connected to from here. */
async function acceptsInTime(address: string, { accepts, clock, signal }: VerbTools): Promise<boolean> {
  const late = new AbortController();
  const timer = clock.setTimer(LISTENER_CHECK_MS, () => late.abort());
  try {
    return await accepts(address, AbortSignal.any([signal, late.signal]));
  } finally {
    timer.cancel();
  }
}

/** Really connects to both (BD-11). */
export async function answerListening(_: RequestOf<'listening'>, tools: VerbTools): Promise<VerbAnswer> {
  const { api, signal, controlPath } = tools;
  const isControlOpen = await api.isRunning({ signal });
  const bat = isControlOpen ? (await api.status({ signal })).bat : undefined;
  const isBatOpen = bat !== undefined && (await acceptsInTime(bat, tools));
  const word = (isOpen: boolean): string => (isOpen ? 'listening' : 'NOT listening');
  return {
    fields: {
      listening: isControlOpen && isBatOpen,
      control: { path: controlPath, listening: isControlOpen },
      bat: { address: bat ?? null, listening: isBatOpen },
    },
    text: [`control  ${word(isControlOpen)}  ${controlPath}`, `bat      ${word(isBatOpen)}${bat === undefined ? '' : `  ${bat}`}`],
  };
}

const isOnLoopback = (address: string): boolean => isLoopbackHost(splitHostPort(address)?.host ?? '');

/** More nodes, joined to the one that is here, in its network (BD-12). In one with a secret they stay apart: that is a failure. */
export async function answerMulti({ nodes }: RequestOf<'multi'>, tools: VerbTools): Promise<VerbAnswer> {
  const { api, multi, defaults, entry, signal } = tools;
  const { kad, network } = await api.status({ signal });
  // Their disks go with the shell: nobody else's file may come to lie there.
  if (!isOnLoopback(kad)) {
    throw new BatChainError('BAT_E_FORBIDDEN', {
      what: 'MM starts no nodes in a network that others use',
      why: `this node is at ${kad}, and nodes of MM end with the shell`,
      fix: 'a shell with a node of its own: batchain shell --home DIR, where no daemon runs for DIR',
    });
  }
  const started = await multi.start(nodes ?? defaults.netSize, { network, join: [kad], signal });
  entry.address = started[0]?.kad ?? entry.address;
  const { contacts } = await api.network.join(
    started.map((node) => node.kad),
    { signal },
  );
  const places = multi.nodes.map((node) => node.kad);
  return {
    fields: { nodes: multi.nodes, started: started.length, contacts },
    text: [`${countText(places.length, 'node')} up: ${places.join(', ')}`],
  };
}

const FOUND_WORDS: Readonly<Record<FoundParticipant['foundBy'], string>> = {
  host: 'it answered there',
  ports: 'it answered there',
  lan: 'found on the local network',
  known: 'known already',
};

/** The quickest of our network becomes the entry node (BD-13, BD-14). */
export async function answerFind({ host, ports }: RequestOf<'find'>, { api, entry, signal }: VerbTools): Promise<VerbAnswer> {
  const where = { ...(host === undefined ? {} : { host }), ...(ports === undefined ? {} : { ports }) };
  const { found, asked, silent } = await api.network.find(where, { signal });
  const [first, ...others] = found.filter(({ isOurNetwork }) => isOurNetwork);
  if (first === undefined) {
    const foreign = found.length === 0 ? `${asked} asked` : `${countText(found.length, 'node')} of other networks`;
    throw new BatChainError('BAT_E_NO_ANSWER', {
      what: 'no network found',
      why: `${foreign}, ${silent} silent`,
      fix: 'FN host:port of a member; or MM for nodes on this computer',
    });
  }
  entry.address = first.kad;
  return {
    fields: { entry: first.kad, nodeId: first.nodeId, foundBy: first.foundBy, found, asked, silent },
    text: [
      `entry node ${first.kad} (${FOUND_WORDS[first.foundBy]})`,
      ...others.map(({ kad, foundBy }) => `also       ${kad} (${FOUND_WORDS[foundBy]})`),
    ],
  };
}

/** Through the addresses given, else through the entry node (BD-16). */
export async function answerJoin({ addresses }: RequestOf<'join'>, { api, entry, signal }: VerbTools): Promise<VerbAnswer> {
  const through = addresses.length > 0 ? addresses : entry.address === undefined ? [] : [entry.address];
  if (through.length === 0) {
    throw new BatChainError('BAT_E_USAGE', {
      what: 'there is no entry node yet',
      why: 'FN finds one, MM makes some',
      fix: 'FN, or JN host:port',
    });
  }
  const { joined, contacts, addresses: tried } = await api.network.join(through, { signal });
  entry.address ??= tried.find(({ nodeId }) => nodeId !== null)?.address;
  return { fields: { joined, contacts, addresses: tried }, text: [`OK joined, ${countText(contacts, 'contact')}`] };
}

/** Every hop of the way to a hash (BD-15). */
export async function answerLocate({ hash }: RequestOf<'locate'>, { api, keys, defaults, signal }: VerbTools): Promise<VerbAnswer> {
  const id = keys.located(hash ?? defaults.testKey);
  if (!/^[0-9a-fA-F]{1,64}$/.test(id)) {
    throw new BatChainError('BAT_E_USAGE', {
      what: `${JSON.stringify(fitText(id, VERB_SHOWN_MAX))} is no hash`,
      why: 'expected 64 hex digits, the first ones of a key or node that is known here, or a name that WN wrote',
      fix: 'H',
    });
  }
  const trace = await api.dht.trace(id.toLowerCase(), { signal }).catch((error: unknown) => {
    throw error instanceof BatChainError && error.code === 'BAT_E_PEER_UNKNOWN' ? notWhole(id, error) : error;
  });
  return { fields: { ...trace }, text: locateText(trace) };
}

function notWhole(id: string, { code, why }: BatChainError): BatChainError {
  const what = `${id} is no whole hash, nor the beginning of one key or node that is known here`;
  return new BatChainError(code, { what, why, fix: 'LH and 64 hex digits; LIST and PD show keys and nodes' });
}

/** BD-18 */
export async function answerSize(_: RequestOf<'size'>, { api, signal }: VerbTools): Promise<VerbAnswer> {
  const size = await api.dht.size({ signal });
  const { estimate, error, basis, requests } = size;
  const text = {
    alone: '1 node: this one, nobody else is known',
    counted: `${countText(estimate, 'node')}, all known: counted`,
    density: `about ${countText(estimate, 'node')}, give or take ${error}: from the density of ids, ${countText(requests, 'request')}`,
  };
  return { fields: { ...size }, text: [text[basis]] };
}

/** Neighbours in the id space and the k-buckets (BD-04, BD-19). */
export async function answerRoutes({ form }: RequestOf<'routes'>, { api, signal, style, clock }: VerbTools): Promise<VerbAnswer> {
  const routes = await api.dht.routes({ signal });
  const ago = (time: string): string => agoText(parseIsoTime(time), clock.nowMs());
  if (form === 'full') return { fields: { ...routes }, text: routesText(routes, { width: style.width, ago }) };
  const lines = routesCsv(routes);
  return { fields: { ...routes, csv: lines.join('\n') }, text: lines };
}

/** BD-25 */
export async function answerPeerDump(_: RequestOf<'peer-dump'>, { api, signal }: VerbTools): Promise<VerbAnswer> {
  const { peers } = await api.peers({ signal });
  const lines = peers.map(({ nodeId, kad, bat, path }) => `${shortIdText(nodeId)}  kad ${kad ?? '-'}  bat ${bat ?? '-'}  ${path}`);
  return { fields: { peers }, text: [countText(peers.length, 'peer'), ...lines] };
}
