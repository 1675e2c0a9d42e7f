"""Teachers from elsewhere: the files of other packages, as a network and a specification of this one."""
