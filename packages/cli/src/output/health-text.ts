// pure: health, policy and ids in words.
import type { Style, Tint } from './style.ts';

const HEALTH_WORDS: Readonly<Record<string, string>> = { 'at-risk': 'at risk' };
const HEALTH_TINTS: Readonly<Record<string, Tint>> = { good: 'green', degraded: 'yellow', 'at-risk': 'red', lost: 'red' };

/** `good 5/5`; the count of healthy shards only where health is known. */
export function healthText(style: Style, health: string, healthy: number, total: number): string {
  const word = HEALTH_WORDS[health] ?? health;
  const text = health === 'unknown' ? word : `${word} ${healthy}/${total}`;
  // One computer has it, and nobody else: nothing to be at ease about.
  const tint = health === 'good' && total === 1 ? 'yellow' : HEALTH_TINTS[health];
  return tint === undefined ? text : style.tint(tint, text);
}

/** How many of the shards that are right may still be lost; `-` where that is not known, or nothing is left to lose. */
export function mayLoseText(health: string, healthy: number, { k, n }: { readonly k: number; readonly n: number }): string {
  if (health === 'unknown' || health === 'lost') return '-';
  if (n === 1) return 'none: one copy';
  return healthy <= k ? 'none' : String(healthy - k);
}

/** `any 3 of 5 peers can restore it; 2 may fail` */
export function policyText({ k, n }: { readonly k: number; readonly n: number }): string {
  if (n === 1) return 'one copy on one peer; it may not fail';
  const spare = n - k;
  return `any ${k} of ${n} peers can restore it; ${spare === 0 ? 'none' : spare} may fail`;
}

/** What stands in the place of the health of a file that nobody can read or audit. */
export function manifestFaultText(style: Style, { code }: { readonly code: string }): string {
  return style.tint('red', code === 'BAT_E_REF_NOT_FOUND' ? 'no manifest' : 'bad manifest');
}

/** The first 8 digits: what tables show and commands take. */
export function shortIdText(id: string): string {
  return id.slice(0, 8);
}

export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
