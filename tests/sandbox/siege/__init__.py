"""How the attacks are carried out: what they aim at (`world`), what counts as won (`catalogue`), the run of them
through one executor (`campaign`), and the same without any box (`bare`)."""
