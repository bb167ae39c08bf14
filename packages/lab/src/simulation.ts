// driven: public surface of @batchain/lab/simulation: whole participants on a simulated network.
export { SIM_KAD_PORT } from './limits.ts';
export { natOf } from './simulation/nat-mix.ts';
export { settleReal } from './simulation/settle-real.ts';
export { SimLab } from './simulation/sim-lab.ts';
export { makeSimParticipant, type SimParticipantOptions } from './simulation/sim-participant.ts';
