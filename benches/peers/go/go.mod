module sortie/benches/peers/go

go 1.19
