"""How fast the app is for a visitor: it is started, talked to and watched from outside, as a browser would."""
