/** What the captions say of themselves, in the languages of their readers. */

export const WORDS = {
  fr: {
    locale: 'fr',
    captions: 'Sous-titres de la réunion',
    speaking: 'Paroles en cours, provisoires',
    notices: {
      waiting: 'En attente d’une prise de parole…',
      live: 'En attente d’une prise de parole…',
      ended: 'Rien n’a été dit dans cette réunion.',
      refused: 'Le service n’accepte pas cette demande : le nom de la réunion a de 1 à 128 caractères.',
    },
    somebody: 'Intervenant',
    says: (name) => `${name}\u00a0: `,
    newCaptions: (n) => (n > 1 ? `${n} nouveaux sous-titres` : '1 nouveau sous-titre'),
    follow: 'Revenir au direct',
    retry: 'Réessayer',
    listen: 'Rester à l’écoute',
    generated: 'Sous-titres générés automatiquement',
    caution: 'Ils sont produits par une machine et peuvent contenir des erreurs.',
    model: 'Modèle',
    version: 'Version',
    digest: 'Empreinte',
    dropped: 'Les sous-titres plus anciens sont dans la transcription à télécharger.',
    states: {
      idle: 'Déconnecté',
      connecting: 'Connexion…',
      waiting: 'Connecté, en attente',
      live: 'En direct',
      reconnecting: 'Connexion perdue',
      ended: 'Réunion terminée',
      unauthorized: 'Jeton d’accès nécessaire',
      refused: 'Demande refusée',
    },
    again: (s) => (s > 0 ? `nouvel essai dans ${s} s` : 'nouvel essai…'),
  },
  en: {
    locale: 'en-GB',
    captions: 'Captions of the meeting',
    speaking: 'Being said, may still change',
    notices: {
      waiting: 'Waiting for somebody to speak…',
      live: 'Waiting for somebody to speak…',
      ended: 'Nothing was said in this meeting.',
      refused: 'The service does not accept this request: the name of a meeting has 1 to 128 characters.',
    },
    somebody: 'Speaker',
    says: (name) => `${name}: `,
    newCaptions: (n) => (n > 1 ? `${n} new captions` : '1 new caption'),
    follow: 'Back to live',
    retry: 'Try now',
    listen: 'Keep listening',
    generated: 'Captions generated automatically',
    caution: 'They are made by a machine and may contain errors.',
    model: 'Model',
    version: 'Version',
    digest: 'Digest',
    dropped: 'Older captions are in the transcript to download.',
    states: {
      idle: 'Disconnected',
      connecting: 'Connecting…',
      waiting: 'Connected, waiting',
      live: 'Live',
      reconnecting: 'Connection lost',
      ended: 'Meeting ended',
      unauthorized: 'Access token needed',
      refused: 'Request refused',
    },
    again: (s) => (s > 0 ? `trying again in ${s} s` : 'trying again…'),
  },
};

/** The words for a language tag, English when there are none. */
export function wordsFor(language) {
  return WORDS[language.slice(0, 2).toLowerCase()] ?? WORDS.en;
}
