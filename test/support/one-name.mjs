/*
 * Loaded by a process before all else (`--import`): one name that has two addresses, as a name server would say it. That is
 * all that is not real; who is connected to, and who comes next when that one is gone, is the program's own doing.
 */
import dns from 'node:dns';

const real = dns.promises.lookup;
const ADDRESSES = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));

dns.promises.lookup = async (name, options) =>
  name === 'global.koguma.test' && options?.all ? ADDRESSES : real(name, options);
