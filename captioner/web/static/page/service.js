/** Addresses of the service, and questions to it. */

const BASE = new URL('../../', import.meta.url);

/** An address of the service. */
export function address(path) {
  return new URL(path, BASE);
}

/** The address of the captions of a room as a file. */
export function transcript(room, format) {
  return address(`v1/rooms/${encodeURIComponent(room)}/transcript.${format}`);
}

/** Whether an answer asks for a token. */
export function wantsToken(status) {
  return status === 401 || status === 403;
}

/** Give a token for a cookie; the status of the answer. */
export async function login(token) {
  const response = await fetch(address('v1/login'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  return response.status;
}
