// driven: the calls of the local API about taking part: leaving with all that is kept for others, and coming back.
import type { ApiCalls, CallOptions, JobOptions } from './api-calls.ts';
import {
  type LeaveBody,
  type LeaveResultView,
  leaveResult,
  type MembershipResult,
  membershipResult,
  type RejoinResult,
  rejoinResult,
} from './membership-schemas.ts';

export class MembershipClient {
  readonly #calls: ApiCalls;

  constructor(calls: ApiCalls) {
    this.#calls = calls;
  }

  view(options: CallOptions = {}): Promise<MembershipResult> {
    return this.#calls.json({ method: 'GET', path: '/v1/membership' }, membershipResult, options);
  }

  /** Rejects with BAT_E_LAST_MEMBER when nobody else is there and that is not accepted. */
  leave(body: LeaveBody = {}, options: JobOptions = {}): Promise<LeaveResultView> {
    return this.#calls.job({ method: 'POST', path: '/v1/leave', body }, leaveResult, options);
  }

  rejoin(options: CallOptions = {}): Promise<RejoinResult> {
    return this.#calls.json({ method: 'POST', path: '/v1/rejoin', body: {} }, rejoinResult, options);
  }
}
