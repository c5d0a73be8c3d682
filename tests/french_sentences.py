"""French as it is spoken in meetings, with where a line may end.

``_`` is a space at which no line ends, ``~`` one that typography makes a no-break space, ``|`` a
good place to break; plain spaces are in between.
"""

from __future__ import annotations

SENTENCES = (
    # Articles, prepositions and their complements
    "Le_premier_sujet concerne|le_déploiement|de_la_visioconférence|dans_les_ministères.",
    "Les_agents apprécient surtout|la_simplicité|de_l'outil|et_la_qualité|du_son.",
    "Il_faudrait pouvoir fournir|une_liste|de_noms|avant_chaque_réunion.",
    "Nous_avons_économisé|de_l'argent|en_arrêtant|les_licences|des_logiciels américains.",
    "Le_conseil municipal|a_adopté|le_budget|à_une_large_majorité.",
    "La_réunion|est_reportée|en_raison_de_la_grève|des_transports.",
    "Le_volcan s'est_réveillé|après_des_années|de_calme.",
    "Les_services de_l'État travaillent|depuis_l'an dernier|sur_ce_dossier.",
    "Jusqu'à_la_fin|du_mois,|les_bureaux resteront fermés.",
    "Nous_comptons sur_vous|et_sur_vos_équipes.",
    # Names, titles and roles
    "La_parole|est à_Jean-Claude_Martin,|directeur|de_cabinet.",
    "C'est Claire_Dubois|qui_anime|l'atelier|avec_Julien_Le_Goff.",
    "Je_remercie M.~Martin|et_Mme_de_La_Tour|de_leur_présence.",
    "Le_président_Durand|et_la_ministre_Lefèvre ont_signé|l'accord.",
    "Monsieur_le_maire,|vous_avez la_parole.",
    "Le_docteur_Bernard|et_Me~Rousseau sont_entendus|par_la_commission.",
    "Le_discours de_Charles_de_Gaulle|a_marqué|cette_époque.",
    "Il_a_été_reçu|au_Conseil_d'État|puis_à_l'Assemblée nationale.",
    "Le_rapport de_J._Dupont|a_été_remis hier soir.",
    "Bonjour Claire,|bonjour Sophie,|est-ce_que_vous_m'entendez bien~?",
    # Dates, amounts, numbers
    "La_séance|du_24~novembre_2025|est_ouverte|à_10~h~30.",
    "Le_1er~janvier_2026,|la_taxe passera|à_24~%|du_montant.",
    "Le_budget s'élève à_3~000_euros|par_agent.",
    "Nous_avons_reçu|12~500_dossiers|en_2024|et_14~000_demandes|en_2025.",
    "Il_reste|deux_millions_d'euros|pour_cette_opération.",
    "Une_centaine_de_personnes|ont_répondu|à_l'enquête.",
    "La_réunion dure|trois_heures|et_commence|à_quatorze_heures_trente.",
    "Le_train|de_18~h arrive|au_quai_4.",
    "On_parle|de_20~km|de_réseau|pour_1~200~€.",
    "Quinze_pour_cent|des_agents télétravaillent|deux_jours|par_semaine.",
    "Rendez-vous mardi_12~mai|à_9_heures précises.",
    "Le_XXIe~siècle sera celui_de_l'eau.",
    # Law and references
    "L'article_12|de_la_loi_n°~2005-102|le_prévoit.",
    "Selon_l'art.~5,|le_délai|est de_deux_mois.",
    "Le_décret_n°~2019-768 fixe|les_modalités.",
    "Reportez-vous|à_la_page_14|du_chapitre_IV.",
    "L'article_L.~123-4|du_code|le_précise.",
    "L'annexe_3|et_l'annexe_B sont_jointes|au_dossier.",
    # Pronouns, auxiliaries, negation
    "Nous_avons_testé|la_transcription|pendant_une_réunion|de_direction.",
    "Je_ne_suis_pas certain|d'avoir_bien_compris|votre_question.",
    "Il_n'a_pas_été possible|de_le_joindre.",
    "Nous_n'avons_pas_encore_reçu|la_réponse.",
    "Aucune_donnée ne_sort|du_territoire,|et_rien_n'est_conservé|après_la_réunion.",
    "Vous_ne_le_lui_avez_jamais_dit.",
    "Elle_ne_veut_plus travailler|avec_nous|dans_ces_conditions.",
    "Il_vaut mieux|ne_pas_répondre tout_de_suite.",
    "Cela_va rassurer|nos_collègues|du_service juridique.",
    "Ils_se_sont_réunis|pour_en_parler|avec_elle.",
    "On_y_reviendra|quand_les_chiffres seront_connus.",
    "Ils_m'ont_clairement_indiqué|que_le_projet|était_retardé.",
    "Elle_les_a_toutes_relues|avant_l'envoi.",
    "Je_vous_propose|de_faire une_pause|de_quelques_minutes.",
    "Ce_projet ne_concerne_que_les_communes rurales.",
    # Questions and inversions
    "Avez-vous d'autres_remarques|avant_de_conclure~?",
    "De_combien_de_cartes aurait-on besoin|pour_couvrir toutes_les_réunions~?",
    "Y_a-t-il|des_questions|sur_ce_point~?",
    "Est-ce_que_les_enregistrements|sont_chiffrés~?",
    "Qu'est-ce_que_vous_en_pensez~?",
    "Pourquoi n'a-t-il_pas_été_consulté plus_tôt~?",
    "Que_se_passe-t-il|quand_la_connexion|est_perdue~?",
    # Conjunctions and elisions
    "Il_faut|que_nous_soyons prêts|lorsqu'il_arrivera.",
    "Je_pense|qu'il_y_a une_erreur|dans_le_compte_rendu.",
    "Nous_attendrons|jusqu’à_lundi|puisqu’elle_l’a_demandé.",
    "C'est parce_que_le_serveur|était en_panne|que_nous_avons_annulé.",
    "S'il_vous_plaît,|parlez plus_fort.",
    "Par_contre,|je_ne_sais_pas|si_le_quorum|est_atteint.",
    "D'accord,|mais_il_faudra prévenir|les_équipes techniques assez tôt.",
    "Alors_que_tout semblait réglé,|le_fournisseur|a_changé d'avis.",
    "Même_si_c'est difficile,|nous_devons avancer afin_de_tenir|les_délais.",
    # Adjectives before the noun, quantities, quotations
    "La_prochaine_séance|aura_lieu|le_deuxième_jeudi|du_mois.",
    "C'est une_très_bonne_idée|pour_les_nouveaux_arrivants.",
    "Beaucoup_de_collègues|ont peu_de_temps|pour_lire.",
    "Tous_les_membres|ont_reçu|la_même_note.",
    "Il_a_dit~:|«~Nous_verrons~!~»|et_il_est_parti.",
    "Les_plus_petites_communes|ont le_moins_de_moyens.",
    "Le_pour|et_le_contre|ont_été_débattus.",
)
