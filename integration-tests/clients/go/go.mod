module dohle/clients

go 1.26
