BeforeAll {
    . $PSScriptRoot/Setup.ps1
    $data = Get-Cifar10 -Synthetic -TrainCount 16 -TestCount 8
    $small = @{ BatchSize = 8; OutputDirectory = 'TestDrive:/run'; Force = $true }
}

Describe 'Start-ModelTraining -AsJob' {
    AfterEach { Get-Job | Remove-Job -Force }

    It 'returns a job whose reports come as they are made' {
        $job = $data | Start-ModelTraining (New-ResNet20) -Epochs 2 -BatchSize 8 -AsJob
        $job.PSJobTypeName | Should -Be 'ModelTraining'
        (Get-Job -Id $job.Id).Name | Should -Be $job.Name
        ($job | Receive-Job -Wait).Epoch | Should -Be 1, 2
        $job.State | Should -Be 'Completed'
    }

    It 'is gone after Receive-Job -AutoRemoveJob' {
        $job = $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 16 -AsJob
        ($job | Receive-Job -Wait -AutoRemoveJob).Epoch | Should -Be 1
        Get-Job | Should -BeNullOrEmpty
    }

    It 'leaves a checkpoint when it is stopped, and the run goes on' {
        $job = $data | Start-ModelTraining (New-ResNet20) -Epochs 1000 @small -AsJob
        while (!$job.Progress.Count) { Start-Sleep -Milliseconds 20 }
        Stop-Job $job
        $job.State | Should -Be 'Stopped'
        Receive-Job $job -WarningVariable warnings -WarningAction SilentlyContinue | Out-Null
        $warnings | Should -Match 'Training was stopped\. Resume with -ResumeFrom .*checkpoint-latest'
        $data | Start-ModelTraining -ResumeFrom TestDrive:/run -OnEpochEnd { $false } -WarningAction SilentlyContinue | Should -HaveCount 1
    }

    It 'is Failed with the error when it diverges' {
        $job = $data | Start-ModelTraining (New-ResNet20) -Epochs 50 -BatchSize 8 -Optimizer Sgd -LearningRate 1e6 -Schedule Constant -AsJob
        $null = Wait-Job $job
        $job.State | Should -Be 'Failed'
        $job | Receive-Job -ErrorVariable errors -ErrorAction SilentlyContinue | Out-Null
        $errors[0].FullyQualifiedErrorId | Should -Match '^TrainingDiverged'
    }
}

Describe 'Start-ModelTraining -OnEpochEnd' {
    It "sees the script's variables and keeps its output to itself" {
        $seen = [Collections.Generic.List[object]]::new()
        $reports = $data | Start-ModelTraining (New-ResNet20) -Epochs 2 -BatchSize 16 -OnEpochEnd { $seen.Add($_); 'noise' }
        $reports | Should -HaveCount 2
        $seen.Epoch | Should -Be 1, 2
    }

    It 'ends the run with $false' {
        $underTwo = { param($report) $report.Epoch -lt 2 }
        $data | Start-ModelTraining (New-ResNet20) -Epochs 5 -BatchSize 16 -OnEpochEnd $underTwo -WarningAction SilentlyContinue |
            Should -HaveCount 2
    }
}

Describe 'Completion of -ResumeFrom' {
    It 'offers runs first, and all other paths' {
        Push-Location (New-Item TestDrive:/completion -ItemType Directory)
        try {
            $null = New-Item ./mine/checkpoint-latest.safetensors, ./more.txt -Force
            $line = 'Start-ModelTraining -ResumeFrom m'
            (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText -replace '\\', '/' |
                Should -Be 'mine', 'mine/checkpoint-latest.safetensors', './more.txt'
        } finally {
            Pop-Location
        }
    }
}

Describe 'The mark of the best epoch' {
    It 'has a colour where the output has colours' {
        $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 16 | Set-Variable report
        $rendering = $PSStyle.OutputRendering
        try {
            $PSStyle.OutputRendering = 'Ansi'
            $report | Out-String | Should -Match ([regex]::Escape($PSStyle.Foreground.Green) + '[\d.,]+ % \*')
            $PSStyle.OutputRendering = 'PlainText'
            $report | Out-String | Should -Not -Match '\e'
        } finally {
            $PSStyle.OutputRendering = $rendering
        }
    }
}
