// pure: the addresses that one lookup sent first packets to, so that names made up for one victim bring it few of them (T6).
import { type Address, isPrivateHost } from '@batchain/shared';
import { SILENT_PER_IP_MAX } from '../limits.ts';
import { sourceOf } from '../rpc/source-ip.ts';

/** `silent`: did not answer, or not for long. `alive`: somebody answered there, whoever it was. */
type AddressState = 'asking' | 'silent' | 'alive';

/** `later`: not before it is known what became of another one. */
export type AddressVerdict = 'ask' | 'later' | 'never';

/** As a map key. Made for every contact that is named: shorter to make than what people read. */
export function addressKey({ host, port }: Address): string {
  return `${host} ${port}`;
}

/** One name is tried at an address until somebody answers there, and a few addresses of one public IP. */
export class NamedAddresses {
  readonly #states = new Map<string, AddressState>();
  #isAnySilent = false;
  /** Addresses of each IP that are being asked or silent. */
  readonly #hosts = new Map<string, { asking: number; silent: number }>();

  /** Before that nobody is refused. */
  get isAnySilent(): boolean {
    return this.#isAnySilent;
  }

  verdict(address: Address): AddressVerdict {
    const state = this.#states.get(addressKey(address));
    if (state !== undefined) return state === 'alive' ? 'ask' : state === 'asking' ? 'later' : 'never';
    const host = this.#hosts.get(sourceOf(address.host));
    if (host === undefined || host.asking + host.silent < SILENT_PER_IP_MAX || isPrivateHost(address.host)) return 'ask';
    return host.silent < SILENT_PER_IP_MAX ? 'later' : 'never';
  }

  note(address: Address, state: AddressState): void {
    const key = addressKey(address);
    const before = this.#states.get(key);
    // What is known to live stays so: another name there costs nobody a first packet.
    if (before === state || before === 'alive') return;
    this.#states.set(key, state);
    this.#isAnySilent ||= state === 'silent';
    const ip = sourceOf(address.host);
    const host = this.#hosts.get(ip) ?? { asking: 0, silent: 0 };
    if (before !== undefined) host[before] -= 1;
    if (state !== 'alive') host[state] += 1;
    this.#hosts.set(ip, host);
  }
}
