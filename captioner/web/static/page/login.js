/** The form that asks for a token. */

import { login } from './service.js';
import { texts } from './texts.js';

/** Show the form; resolves when the service has accepted a token. */
export function askForToken(section) {
  const form = section.querySelector('form');
  const input = form.querySelector('input');
  const error = form.querySelector('.error');
  section.hidden = false;
  input.focus();
  return new Promise((resolve) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      error.textContent = await problem(input.value.trim());
      input.setAttribute('aria-invalid', String(Boolean(error.textContent)));
      if (error.textContent) {
        input.select();
        return;
      }
      input.value = '';
      section.hidden = true;
      resolve();
    };
  });
}

async function problem(token) {
  try {
    const status = await login(token);
    if (status < 300) return '';
    return status < 500 ? texts().wrongToken : texts().noAnswer;
  } catch (error) {
    if (error instanceof TypeError) return texts().noAnswer; // the network's errors
    throw error;
  }
}
