// pure: why a TCP port can not be listened on, and what helps.
import { type Address, BatChainError, formatAddress } from '@batchain/shared';

/** Ports below are kept for programs with special rights by most systems. */
const FREE_PORT_MIN = 1024;
/** Closed networks let out little but 443 and 80, so it is worth a line how to get them. */
const PORT_FIX =
  'choose a port above 1023, or allow node the low ones: sudo setcap cap_net_bind_service=+ep "$(readlink -f "$(command -v node)")"';

/** BAT_E_PORT_IN_USE, or BAT_E_LISTEN_FAILED with the system's code as the reason. */
export function listenError(error: Error & { readonly code?: string }, address: Address): BatChainError {
  const what = `can not listen on TCP ${formatAddress(address)}`;
  const { code } = error;
  if (code === 'EADDRINUSE') return new BatChainError('BAT_E_PORT_IN_USE', { what, cause: error });
  const isRight = (code === 'EACCES' || code === 'EPERM') && address.port > 0 && address.port < FREE_PORT_MIN;
  const more = { ...(code === undefined ? {} : { why: code }), ...(isRight ? { fix: PORT_FIX } : {}) };
  return new BatChainError('BAT_E_LISTEN_FAILED', { what, cause: error, ...more });
}
