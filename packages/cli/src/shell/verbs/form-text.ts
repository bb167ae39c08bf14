// pure: what became of bytes that were stored, in words.
import type { ValueStoredView } from '@batchain/participant/client';
import { countText } from '../../output/health-text.ts';

/** Pieces as they were asked for, unless they are so many that hosts keep them as an encrypted file (BD-21, BD-58). */
export function formText({ form, size }: Pick<ValueStoredView, 'form' | 'size'>, pieceBytes: number): string {
  if (form === 'pieces') return `${countText(Math.ceil(size / pieceBytes), 'piece')} of ${countText(pieceBytes, 'byte')}`;
  return form === 'file' ? `${countText(size, 'byte')} as an encrypted file` : countText(size, 'byte');
}
