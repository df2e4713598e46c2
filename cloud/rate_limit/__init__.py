"""Rate limits: the guess budget for codes, and limits on sign-in and sign-up attempts."""
