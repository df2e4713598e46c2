"""Who somebody is: accounts, passwords, who is signed in, and tokens of other programs."""
