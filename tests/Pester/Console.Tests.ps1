BeforeAll {
    . $PSScriptRoot/Setup.ps1

    # Runs a script in a pwsh on a terminal of its own, and returns what appeared on the screen, without colours. Presses
    # Ctrl+C once a condition on that text holds. A process that a shell starts in the background ignores SIGINT, as do its
    # children: GNU's env undoes that.
    function Invoke-Terminal([string] $Script, [scriptblock] $StopWhen = { $false }) {
        Set-Content $TestDrive/terminal.ps1 "Import-Module '$modulePath'`n$Script"
        $terminal = 'stty cols 100 rows 30; env --default-signal=INT true && set -- env --default-signal=INT; ' +
            "`"`$@`" pwsh -NoProfile -File '$TestDrive/terminal.ps1'"
        $start = [Diagnostics.ProcessStartInfo]::new('script', [string[]] ('-qec', $terminal, '/dev/null'))
        $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
        $process = [Diagnostics.Process]::Start($start)
        $text, $buffer, $answered, $isStopped, $clock = '', [char[]]::new(4096), 0, $false, [Diagnostics.Stopwatch]::StartNew()
        try {
            while ($true) {
                $read = $process.StandardOutput.ReadAsync($buffer, 0, $buffer.Length)
                $read.Wait(120000) -and $clock.Elapsed.TotalMinutes -lt 4 | Should -BeTrue -Because 'there must be output, and an end'
                if (!$read.Result) { break }
                $text += [string]::new($buffer, 0, $read.Result)
                # A terminal reports the position of its cursor.
                for ($asked = [regex]::Matches($text, '\e\[6n').Count; $answered -lt $asked; $answered++) {
                    $process.StandardInput.Write("`e[1;1R")
                }
                if (!$isStopped -and (& $StopWhen ($text -replace '\e[[?]+[\d;?]*[A-Za-z]'))) {
                    $process.StandardInput.Write([char] 3)
                    $isStopped = $true
                }
                $process.StandardInput.Flush()
            }
        } finally {
            if (!$process.HasExited) { $process.Kill($true) }
        }
        $text -replace '\e[[?]+[\d;?]*[A-Za-z]'
    }
}

Describe 'On a terminal' -Skip:(!$IsLinux -or !(Get-Command script -CommandType Application -ErrorAction Ignore)) {
    BeforeAll {
        $classic = Invoke-Terminal @"
            `$PSStyle.Progress.View = 'Classic'
            Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 32 |
                Start-ModelTraining (New-ResNet20 -Seed 5) -Epochs 300 -BatchSize 16 -OutputDirectory '$TestDrive/left'
            'not reached'
"@ { $args[0] -match 'Epoch \d+ of 300' -and (Test-Path $TestDrive/left/checkpoint-latest.safetensors) }
    }

    It 'shows progress in the classic view' {
        $classic | Should -Match 'Training ResNet-20'
        $classic | Should -Match 'Epoch \d+ of 300'
        $classic | Should -Match '\[o* *\]'
    }

    It 'stops at Ctrl+C and says how to resume' {
        $classic | Should -Not -Match 'not reached'
        $classic -replace '\s' | Should -BeLike "*Resumewith-ResumeFrom'$("$TestDrive/left/checkpoint-latest.safetensors" -replace '\s')'*"
        "$TestDrive/left/model.safetensors" | Should -Not -Exist
    }

    It 'goes on where Ctrl+C left it' {
        $done = ((Get-Content $TestDrive/left/log -Raw | ConvertFrom-Json).epoch | Measure-Object -Maximum).Maximum
        $report = Start-ModelTraining -Dataset $data -ResumeFrom $TestDrive/left | Select-Object -First 1
        $report.Epoch | Should -Be ($done + 1)
    }

    It 'shows progress in the minimal view, and nothing of it at the end' {
        $minimal = Invoke-Terminal @"
            `$PSStyle.Progress.View = 'Minimal'
            `$null = Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 32 |
                Start-ModelTraining (New-ResNet20 -Seed 5) -Epochs 2 -BatchSize 16
            'the end'
"@
        $minimal | Should -Match 'Training ResNet-20.*\[.*Epoch \d of 2'
        $minimal.Substring($minimal.LastIndexOf('the end')) | Should -Not -Match 'Training'
    }
}

Describe 'With redirected output, in Turkish' {
    BeforeAll {
        # Turkish: the capital letter of i is another, and the decimal separator is a comma.
        $kept = @{}
        foreach ($setting in @{ NO_COLOR = '1'; LC_ALL = 'tr_TR.UTF-8' }.GetEnumerator()) {
            $kept[$setting.Key] = [Environment]::GetEnvironmentVariable($setting.Key)
            Set-Item Env:$($setting.Key) $setting.Value
        }
        try {
            $text = Invoke-Pwsh @"
                'culture: ' + [cultureinfo]::CurrentCulture
                `$data = Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 32
                `$model = NEW-RESNET20 -SHORTCUT PROJECTIONONLY -SEED 1
                `$rest = @{ EPOCHS = 1; BATCHSIZE = 32 }
                `$data |
                    START-MODELTRAINING `$model -OPTIMIZER ADAMW -LEARNINGRATE 0.0125 @rest -OUTPUTDIRECTORY '$TestDrive/turkish'
                `$data.Test[0] | Invoke-Inference `$model | Out-Host
                `$data | Measure-Model `$model | Out-Host
                'shortcut: ' + (Import-Model '$TestDrive/turkish/model.safetensors').Network.Description
"@ | Out-String
        } finally {
            foreach ($name in $kept.Keys) { Set-Item Env:$name $kept[$name] }
        }
    }

    It 'writes text without escape sequences and without progress' {
        $text | Should -Match 'Accuracy'
        $text | Should -Not -Match '\e'
        $text | Should -Not -Match 'Training ResNet-20|Epoch 1 of 1'
    }

    It 'understands names in capitals and writes files as everywhere' {
        $text | Should -Match 'culture: tr-TR'
        $text | Should -Match 'shortcut: ProjectionOnly'
        $log = Get-Content $TestDrive/turkish/log -Raw | ConvertFrom-Json
        $log[0].'main/loss' | Should -BeGreaterThan 1
        $log[0].'main/loss' | Should -BeLessThan 10
    }

    It 'learns what it learns elsewhere' {
        $model = New-ResNet20 -Shortcut ProjectionOnly -Seed 1
        $null = $data |
            Start-ModelTraining $model -Optimizer AdamW -LearningRate 0.0125 -Epochs 1 -BatchSize 32 -OutputDirectory $TestDrive/here
        Get-Bytes $TestDrive/turkish/model.safetensors | Should -Be (Get-Bytes $TestDrive/here/model.safetensors)
    }
}

Describe 'In German' {
    It 'reads numbers as PowerShell does and writes files as everywhere' {
        $kept = [cultureinfo]::CurrentCulture
        try {
            [cultureinfo]::CurrentCulture = 'de-DE'
            $reports = $data | Start-ModelTraining (New-ResNet20 -Seed 1) @quick -LearningRate 0.05 -OutputDirectory $TestDrive/german
            $reports | Export-Csv $TestDrive/german.csv
            $table = $reports | Out-String -Width 120
        } finally {
            [cultureinfo]::CurrentCulture = $kept
        }
        (Get-Content $TestDrive/german/log -Raw | ConvertFrom-Json).'main/loss' | Should -Be $reports.Loss
        (Import-Csv $TestDrive/german.csv -Delimiter ',').Epoch | Should -Be '1', '2'
        # Output follows the culture of the user.
        $table | Should -Match '\n +2 +\d,\d{4} +\d+,\d\d %'
    }
}
