import { isIPv4 } from "node:net";
import ipaddr from "ipaddr.js";
import { isLoopback } from "../config/server-config.js";

/** 8 bytes, because an internet provider normally gives a customer at least a /64 network. @see RFC 6177 */
const SUBNET_BYTES = 8;
/** 6 bytes, because a customer normally gets at most a /48 network, with 65,536 /64 networks. @see RFC 6177 */
const SITE_BYTES = 6;

/**
 * The limit of a /48 network, as a multiple of the limit of one address. This limit is looser, because a provider can
 * also give the /64 networks of one /48 network to many customers.
 */
export const SITE_LIMIT = 16;

/** The keys under which an address is counted. Only an IPv6 address has a `site`, its /48 network. */
export type Networks = readonly [address: string, site?: string];

/** Returns whether an address is one of this machine, also in a form such as `::ffff:127.0.0.1`. */
export function isLoopbackAddress(address: string): boolean {
  return isLoopback(address.replace(/^::ffff:/, ""));
}

/**
 * Returns the IPv4 address, or the /64 and the /48 network of an IPv6 address. For `::ffff:192.0.2.1`, returns
 * `192.0.2.1`.
 */
export function networksOf(address: string): Networks {
  // Skip the slow parser for IPv4, because this function runs for each request.
  if (isIPv4(address)) return [address];
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return [parsed.toString()];
  const bytes = Buffer.from(parsed.toByteArray());
  return [bytes.toString("hex", 0, SUBNET_BYTES), bytes.toString("hex", 0, SITE_BYTES)];
}
