<?php echo "Hello\n";
