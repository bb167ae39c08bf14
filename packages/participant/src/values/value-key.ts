// pure: what the text of a key names: a value of ours, one of another participant, or one by its hash; and its name in the hash table.
import { BatChainError, fromHex, sha256, toBase64Url, utf8Bytes, utf8Text } from '@batchain/shared';
import { VALUE_KEY_BYTES_MAX } from '../limits.ts';

/** The limit of kad-node for names of mutable values. */
const NAME_BYTES_MAX = 32;
const SHORT_PREFIX = 'kv/';
const HASHED_PREFIX = 'kv#';
const HASH = /^[0-9a-f]{64}$/;
const FOREIGN = /^([0-9a-f]{64})\/(.+)$/s;

export type ValueKey =
  | { readonly kind: 'own'; readonly key: string }
  | { readonly kind: 'hash'; readonly key: string; readonly hash: Uint8Array }
  /** `owner` is a node id or a public key: both have 32 bytes. */
  | { readonly kind: 'foreign'; readonly key: string; readonly owner: Uint8Array };

/** Throws BAT_E_VALUE_KEY. */
export function parseValueKey(text: string): ValueKey {
  const foreign = FOREIGN.exec(text);
  const key = foreign?.[2] ?? text;
  checkKey(key);
  if (foreign !== null) {
    if (HASH.test(key)) throw badKey('a value by its hash has no owner', 'leave the owner away');
    return { kind: 'foreign', key, owner: fromHex(foreign[1] as string) as Uint8Array };
  }
  return HASH.test(key) ? { kind: 'hash', key, hash: fromHex(key) as Uint8Array } : { kind: 'own', key };
}

function checkKey(key: string): void {
  const bytes = utf8Bytes(key);
  if (bytes.length === 0) throw badKey('the key is empty');
  if (bytes.length > VALUE_KEY_BYTES_MAX) throw badKey(`the key has ${bytes.length} bytes`, `at most ${VALUE_KEY_BYTES_MAX}`);
  // Half a surrogate pair has no UTF-8 form: another key would be stored.
  if (utf8Text(bytes) !== key) throw badKey('the key is no well-formed text');
}

/** Unlike anything that a hash or `OWNER/KEY` could be. Throws BAT_E_VALUE_KEY, and BAT_E_NOT_OWNER for a key of somebody else. */
export function ownKeyOf(text: string): string {
  const parsed = parseValueKey(text);
  if (parsed.kind === 'own') return parsed.key;
  if (parsed.kind === 'foreign')
    throw new BatChainError('BAT_E_NOT_OWNER', {
      what: 'the value of another participant can only be read',
      why: 'only its owner can sign a change',
      fix: 'choose a key without an owner in front',
    });
  throw badKey(
    '64 hex digits name a value by its hash',
    'such a value never changes',
    'choose another key, or let the value name itself: --by-hash',
  );
}

/** The name of the mutable value: the key itself where it fits, else the beginning of its hash; the whole key is checked on reading. */
export function kadNameOf(key: string): string {
  const name = SHORT_PREFIX + key;
  if (utf8Bytes(name).length <= NAME_BYTES_MAX) return name;
  return HASHED_PREFIX + toBase64Url(sha256(utf8Bytes(key))).slice(0, NAME_BYTES_MAX - HASHED_PREFIX.length);
}

function badKey(what: string, why?: string, fix?: string): BatChainError {
  return new BatChainError('BAT_E_VALUE_KEY', { what, ...(why === undefined ? {} : { why }), ...(fix === undefined ? {} : { fix }) });
}
