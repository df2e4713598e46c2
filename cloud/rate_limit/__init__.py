"""Rate limits: the guess budget for codes, and limits on sign-in and sign-up attempts and on changes of lamps."""
